package natsbus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// hosted is a server's bus that workers can reach.
func hosted(t *testing.T) *natsbus.Bus {
	t.Helper()
	b, err := natsbus.Open(t.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir(), Listen: "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func workerURL(t *testing.T, b *natsbus.Bus, w natsbus.Worker) string {
	t.Helper()
	address, err := natsbus.WorkerURL(b.URL(), w)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func put(t *testing.T, b bus.Bus, pool, app string) {
	t.Helper()
	if err := b.Publish(t.Context(), bus.Message{Subject: bus.TaskSubject(pool, app, "do"), Data: []byte(pool + "/" + app)})[0]; err != nil {
		t.Fatal(err)
	}
}

// A worker takes the orders of its apps, answers, and hears of cancels.
func TestWorker(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		worker natsbus.Worker
		from   bus.Consumer
	}{
		"app":        {natsbus.Worker{Pool: "dmz", Apps: []string{"Tic.kets *", "Other"}}, bus.PoolConsumer("dmz", "Tic.kets *")},
		"whole pool": {natsbus.Worker{Pool: "d m.z"}, bus.PoolConsumer("d m.z", "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := hosted(t)
			put(t, b, tc.worker.Pool, "Tic.kets *")
			put(t, b, "inner", "Tic.kets *")
			w, err := natsbus.Open(t.Context(), natsbus.Options{URLs: []string{workerURL(t, b, tc.worker)}})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			var got []string
			err = w.Consume(ctx, tc.from, func(d bus.Delivery) {
				got = append(got, string(d.Data()))
				if err := d.Confirm(ctx); err != nil {
					t.Error(err)
				}
				stop()
			})
			if err != nil || len(got) != 1 || got[0] != tc.worker.Pool+"/Tic.kets *" {
				t.Fatalf("took %q, %v", got, err)
			}
			if err := w.Publish(t.Context(), bus.Message{Subject: bus.EventSubject(3, "job"), Data: []byte("{}")})[0]; err != nil {
				t.Errorf("event: %v", err)
			}
			source := tc.worker.Pool
			if len(tc.worker.Apps) > 0 {
				source = tc.worker.Apps[0]
			}
			if err := w.Publish(t.Context(), bus.Message{Subject: bus.PlatformFeedSubject(source, "changed"), Data: []byte("{}")})[0]; err != nil {
				t.Errorf("news: %v", err)
			}
			hears(t, b, w, bus.CancelSubject("job"))
		})
	}
}

// hears checks that a signal of one bus reaches the other.
func hears(t *testing.T, from, to bus.Bus, subject string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var listening sync.WaitGroup
	defer listening.Wait()
	heard := false
	listening.Go(func() {
		if err := to.Listen(ctx, subject, func(string, []byte) { heard = true; stop() }); err != nil {
			t.Errorf("listen: %v", err)
		}
		if !heard {
			t.Error("the signal was not heard")
		}
	})
	for ctx.Err() == nil {
		if err := from.Signal(ctx, subject, []byte("x")); err != nil && ctx.Err() == nil {
			t.Errorf("signal: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// rogue is a worker that speaks the bus' protocol as it likes.
type rogue struct {
	*nats.Conn
	denied chan string
	inbox  string
}

func newRogue(t *testing.T, address string) *rogue {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r := &rogue{denied: make(chan string, 100), inbox: "_INBOX." + u.User.Username()}
	r.Conn, err = nats.Connect(address, nats.CustomInboxPrefix(r.inbox), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { r.denied <- err.Error() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// refused checks that the server tells of a violation.
func (r *rogue) refused(t *testing.T, what string) {
	t.Helper()
	if err := r.FlushTimeout(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-r.denied:
		if !strings.Contains(strings.ToLower(text), "permissions violation") {
			t.Errorf("%s: %s", what, text)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%s is let through", what)
	}
}

// A worker's credentials open nothing but its own: not the orders of others by any way there
// is to read a stream, not their answers, not the streams themselves.
func TestWorker_rogue(t *testing.T) {
	t.Parallel()
	b := hosted(t)
	put(t, b, "inner", "Bank")
	if err := b.Prepare(t.Context(), bus.PoolConsumer("inner", "Bank")); err != nil {
		t.Fatal(err)
	}
	r := newRogue(t, workerURL(t, b, natsbus.Worker{Pool: "dmz", Apps: []string{"Tickets"}}))
	const stream = "HEDDLE_TASKS"
	create := func(name, filter string) []byte {
		data, err := json.Marshal(map[string]any{"stream_name": stream, "action": "", "config": map[string]any{
			"durable_name": name, "name": name, "ack_policy": "explicit", "filter_subject": filter,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for what, m := range map[string]*nats.Msg{
		"taking others' orders":        {Subject: "$JS.API.CONSUMER.MSG.NEXT." + stream + ".pool-inner-Bank", Data: []byte("1")},
		"a consumer of its own":        {Subject: "$JS.API.CONSUMER.CREATE." + stream + ".mine.heddle.task.inner.>", Data: create("mine", "heddle.task.inner.>")},
		"a durable of its own":         {Subject: "$JS.API.CONSUMER.DURABLE.CREATE." + stream + ".pool-dmz-Tickets", Data: create("pool-dmz-Tickets", "heddle.task.>")},
		"its consumer with a new goal": {Subject: "$JS.API.CONSUMER.CREATE." + stream + ".pool-dmz-Tickets.heddle.task.dmz.Tickets.>", Data: create("pool-dmz-Tickets", "heddle.task.dmz.Tickets.>")},
		"reading the stream":           {Subject: "$JS.API.STREAM.MSG.GET." + stream, Data: []byte(`{"seq":1}`)},
		"reading it directly":          {Subject: "$JS.API.DIRECT.GET." + stream, Data: []byte(`{"seq":1}`)},
		"deleting the stream":          {Subject: "$JS.API.STREAM.DELETE." + stream},
		"acknowledging others' orders": {Subject: "$JS.ACK." + stream + ".pool-inner-Bank.1.1.1.1.1"},
		"giving orders":                {Subject: bus.TaskSubject("inner", "Bank", "pay"), Data: []byte("{}")},
		"ordering itself":              {Subject: bus.TaskSubject("dmz", "Tickets", "open"), Data: []byte("{}")},
		"canceling":                    {Subject: bus.CancelSubject("job")},
		"news of the engine":           {Subject: bus.PlatformFeedSubject("WorkFlowEngine", "jobUpdated"), Data: []byte("{}")},
		"answering for a server":       {Subject: "heddle.payload.inbox.x", Data: []byte("{}")},
	} {
		m.Reply = r.NewInbox()
		if err := r.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		r.refused(t, what)
	}
	for _, subject := range []string{">", "_INBOX.>", "heddle.task.>", "heddle.event.>", "heddle.payload.>", "heddle.payload.inbox.*", "heddle.manifest.inner.Bank", "$JS.>", "heddle.feed.>"} {
		if _, err := r.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		r.refused(t, "listening on "+subject)
	}
	// What it may do still goes.
	if _, err := r.Request("$JS.API.CONSUMER.INFO."+stream+".pool-dmz-Tickets", nil, 5*time.Second); err != nil {
		t.Errorf("its own consumer: %v", err)
	}
	for name, address := range map[string]string{
		"a guessed password": strings.Replace(b.URL(), "heddle:", "worker.dmz.Tickets:", 1),
		"the engine's pool":  engineWorker(t, b),
	} {
		if c, err := nats.Connect(address); err == nil {
			c.Close()
			t.Errorf("%s is let in", name)
		}
	}
}

func engineWorker(t *testing.T, b *natsbus.Bus) string {
	t.Helper()
	return workerURL(t, b, natsbus.Worker{Pool: "engine"})
}

func TestWorkerURL_refuses(t *testing.T) {
	t.Parallel()
	for address, w := range map[string]natsbus.Worker{
		"nats://127.0.0.1:4222":                      {Pool: "p"},
		"nats://worker.dmz:x@127.0.0.1:4222":         {Pool: "p"},
		"nats://heddle:secret@127.0.0.1:4222":        {},
		"nats://heddle:secret@127.0.0.1:4222?other=": {Pool: "p", Apps: []string{""}},
	} {
		if got, err := natsbus.WorkerURL(address, w); err == nil {
			t.Errorf("%s for %+v gives %s", address, w, got)
		}
	}
}

// Services are found with what they say about themselves, in pieces if it is long.
func TestDirectory(t *testing.T) {
	t.Parallel()
	b := hosted(t)
	w, err := natsbus.Open(t.Context(), natsbus.Options{URLs: []string{workerURL(t, b, natsbus.Worker{Pool: "dmz", Apps: []string{"Tickets"}})}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	long := strings.Repeat("manifest ", 200_000)
	running.Go(func() {
		err := w.Announce(ctx, bus.Service{
			Name: "tickets", Version: "1.2.3", Description: "opens tickets", Metadata: map[string]string{"app": "Tickets"},
			Documents: map[string][]byte{"heddle.manifest.dmz.Tickets": []byte(long)}, Stats: func() any { return "well" },
		})
		if err != nil {
			t.Error(err)
		}
	})
	deadline := time.Now().Add(10 * time.Second)
	for {
		found, err := b.Services(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 1 && found[0].Version == "1.2.3" && found[0].Metadata["app"] == "Tickets" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("found %v", found)
		}
	}
	data, err := b.Request(t.Context(), "heddle.manifest.dmz.Tickets")
	if err != nil || string(data) != long {
		t.Errorf("read %d bytes of %d, %v", len(data), len(long), err)
	}
	c, err := nats.Connect(b.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for verb, want := range map[string]string{"PING.tickets": `"version":"1.2.3"`, "INFO.tickets": `"manifest"`, "STATS.tickets": `"well"`} {
		m, err := c.Request("$SRV."+verb, nil, 5*time.Second)
		if err != nil || !strings.Contains(string(m.Data), want) {
			t.Errorf("%s: %v, want %s in %v", verb, err, want, fmt.Sprint(m))
		}
	}
	stop()
	running.Wait()
	if found, err := b.Services(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("after the end: %v, %v", found, err)
	}
}
