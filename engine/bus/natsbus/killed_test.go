package natsbus_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// killedDir tells the test binary to be the process that is killed, and where its files are.
const killedDir = "HEDDLE_TEST_KILLED_DIR"

// What Publish said is stored is there after the process was killed in the middle of it.
func TestEmbedded_killed(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		publishUntilKilled(t, dir)
	}
	t.Parallel()
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEmbedded_killed$")
	child.Env = append(os.Environ(), killedDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var stored uint64
	lines := bufio.NewScanner(out)
	for n := 0; n < 50 && lines.Scan(); n++ {
		if stored, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
			stored = n
		}
	}
	_ = child.Wait() // killed
	if stored == 0 {
		t.Fatal("the child stored nothing")
	}

	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir}})
	defer closeBus(t, b)
	if n := left(t, b, bus.Events); n < stored {
		t.Errorf("%d messages after the kill, %d were stored before", n, stored)
	}
}

// publishUntilKilled prints how many messages are stored, again and again.
func publishUntilKilled(t *testing.T, dir string) {
	b := open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir}})
	for n := 0; ; {
		for range 7 {
			publish(t, b, ring)
			n++
		}
		publish(t, b, ring, ring, ring)
		n += 3
		fmt.Println(n)
	}
}
