package runner_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// An order that vanished from its stream while the broker runs on comes again, and one that is still there
// does not come twice.
func TestRunner_lostOrderComesAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("orders have to grow old")
	}
	streams := bus.Streams()
	for i := range streams {
		streams[i].Dedupe = 2 * time.Second // longer than the start takes, which issues everything again
	}
	b, err := natsbus.Open(t.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, Streams: streams})
	if err != nil {
		t.Fatal(err)
	}
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lib := library.New(library.Options{Store: st, Catalog: builtin.Catalog()})
	if _, err := lib.CreateWorkflow(t.Context(), value.MustParse(oneAdapterTask), "test"); err != nil {
		t.Fatal(err)
	}
	r := runner.New(runner.Options{Store: st, Bus: b, Library: lib, Sweep: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	lost, kept := begin(t, r, "One"), begin(t, r, "One")
	conn, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := js.Stream(t.Context(), bus.Tasks)
	if err != nil {
		t.Fatal(err)
	}
	held := func() map[string]int {
		n := map[string]int{}
		if err := b.Peek(t.Context(), bus.Tasks, "", func(m bus.Message) bool {
			n[value.MustParse(string(m.Data)).Get("job").Text()]++
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) { // the broker's own time
			if time.Now().After(deadline) {
				t.Fatalf("%s: the stream holds %v, %d found lost", what, held(), r.Lost())
			}
		}
	}
	until("orders are given", func() bool { n := held(); return n[lost] == 1 && n[kept] == 1 })
	for seq := uint64(1); seq <= 2; seq++ {
		m, err := tasks.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if value.MustParse(string(m.Data)).Get("job").Text() == lost {
			if err := tasks.DeleteMsg(t.Context(), seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	until("the lost one comes again", func() bool { return held()[lost] == 1 })
	if n := held()[kept]; n != 1 || r.Lost() != 1 {
		t.Errorf("the other is there %d times, %d found lost, want 1 and 1", n, r.Lost())
	}
	if err := tasks.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	until("both come again", func() bool { n := held(); return n[lost] == 1 && n[kept] == 1 })
}
