//go:build linux

package faults

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/heddlehq/heddle/server/cli"
)

var (
	jobsFlag   = flag.Int("faults.jobs", 120, "how many jobs the tests that kill run")
	killsFlag  = flag.Int("faults.kills", 3, "how often they kill the server meanwhile")
	longFlag   = flag.Bool("faults.long", false, "give faults the length they have in life")
	soakFlag   = flag.Duration("faults.soak", 12*time.Second, "how long TestFT40 goes on")
	binaryFlag = flag.String("faults.binary", "", "the heddle `program` to attack; this checkout unless given")
	allFlag    = flag.Bool("faults.all", false, "all faults, not only the two that every run of the tests includes")
)

// actAsHeddle makes the test binary be the program.
const actAsHeddle = "HEDDLE_FAULTS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(actAsHeddle) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if dir := os.Getenv(actAsBroker); dir != "" {
		beBroker(dir, os.Getenv(actAsBroker+"_ADDRESS"))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// short or long, as the flags say.
func pick[T any](short, long T) T {
	if *longFlag {
		return long
	}
	return short
}

// notShort leaves a test out unless all faults are asked for: they take minutes and want the
// machine for themselves.
func notShort(t *testing.T) {
	t.Helper()
	if testing.Short() || !*allFlag {
		t.Skip("only with -faults.all")
	}
}

// waitFor polls until done, and fails with what it was told last.
func waitFor(t *testing.T, patience time.Duration, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", patience, state)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
