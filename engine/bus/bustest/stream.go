package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

func full(t *testing.T, d Driver) {
	b := openWith(t, d, limited(bus.Events, 3))
	errs := b.Publish(t.Context(), events(5)...)
	for i, err := range errs {
		if i < 3 && err != nil || i >= 3 && !errors.Is(err, bus.ErrFull) {
			t.Errorf("message %d of 5 into a queue of 3: %v", i, err)
		}
	}
	got, _ := consume(t, b, bus.Consumer{})
	if err := next(t, got, "first").Confirm(t.Context()); err != nil {
		t.Fatalf("confirm: %v", err)
	}
	publish(t, b, events(5)[4])
}

func tooLarge(t *testing.T, d Driver) {
	b := open(t, d)
	const limit = 1 << 20
	big := bus.Message{Subject: bus.EventSubject(0, "big"), Data: bytes.Repeat([]byte("x"), limit)}
	publish(t, b, big)
	big.ID = "tips it"
	errs := b.Publish(t.Context(), events(1)[0], big)
	if errs[0] != nil {
		t.Errorf("the message beside: %v", errs[0])
	}
	e, ok := errors.AsType[*bus.ErrTooLarge](errs[1])
	if !ok {
		t.Fatalf("%d bytes: %v, want ErrTooLarge", big.Size(), errs[1])
	}
	if e.Subject != big.Subject || e.Limit != limit || e.Size != big.Size() || e.Size <= limit {
		t.Errorf("%+v", e)
	}
	big.Data = big.Data[:len(big.Data)-(e.Size-e.Limit)]
	publish(t, b, big) // exactly the limit
}

func publishCanceled(t *testing.T, d Driver) {
	b := open(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Whether it was stored is open, but it may not hang.
	for _, err := range b.Publish(ctx, events(3)...) {
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("publish: %v, want nil or context.Canceled", err)
		}
	}
}

func contextEnd(t *testing.T, d Driver, c bus.Consumer) {
	b := open(t, d)
	const n = 20
	publish(t, b, events(n)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	entered, release, returned := make(chan bus.Delivery, n), make(chan struct{}), make(chan error, 1)
	go func() {
		c.Stream, c.Name = bus.Events, "engine"
		returned <- b.Consume(ctx, c, func(d bus.Delivery) {
			entered <- d
			<-release
		})
	}()
	first := next(t, entered, "first")
	cancel()
	select {
	case err := <-returned:
		t.Fatalf("returned %v while handle was running", err)
	case <-time.After(quiet):
	}
	close(release)
	if err := next(t, returned, "return"); err != nil {
		t.Errorf("consume: %v", err)
	}
	if len(entered) != 0 {
		t.Errorf("%d deliveries handed over after the end", len(entered))
	}
	first.Ack() // the delivery outlives Consume

	// What was taken in but not handed over comes back well before AckWait.
	got, _ := consume(t, b, bus.Consumer{})
	seen := map[string]bool{}
	for len(seen) < n-1 {
		m := next(t, got, "given back")
		seen[string(m.Data())] = true
		m.Ack()
	}
	if seen["0"] {
		t.Error("the acknowledged one came back")
	}
}

func resume(t *testing.T, d Driver) {
	b := open(t, d)
	c := bus.Consumer{Stream: bus.Feed, Name: "trigger"}
	got, stop := consume(t, b, c)
	feed := func(i int) bus.Message {
		return bus.Message{Subject: bus.JobFeedSubject("j", "e"+strconv.Itoa(i)), Data: []byte(strconv.Itoa(i))}
	}
	publish(t, b, feed(0), feed(1))
	for range 2 {
		if err := next(t, got, "first life").Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	publish(t, b, feed(2))
	got, _ = consume(t, b, c)
	m := next(t, got, "second life")
	wantData(t, m, "2")
	m.Ack()
	// Another durable on the feed has everything for itself.
	other, _ := consume(t, b, bus.Consumer{Stream: bus.Feed, Name: "other"})
	for i := range 3 {
		m := next(t, other, "other durable")
		wantData(t, m, strconv.Itoa(i))
		m.Ack()
	}
}

type entry struct {
	seq uint64
	m   bus.Message
}

func follow(t *testing.T, b bus.Bus, stream, filter string, from uint64) <-chan entry {
	t.Helper()
	ch := make(chan entry, 1024)
	run(t, "tail", func(ctx context.Context) error {
		return b.Tail(ctx, stream, filter, from, func(seq uint64, m bus.Message) { ch <- entry{seq, m} })
	})
	return ch
}

func tail(t *testing.T, d Driver) {
	b := open(t, d)
	for i := range 10 {
		publish(t, b, bus.Message{Subject: bus.JobFeedSubject("j"+strconv.Itoa(i%2), "e"), ID: strconv.Itoa(i),
			Header: map[string]string{"n": strconv.Itoa(i)}, Data: []byte(strconv.Itoa(i))})
	}
	last, err := b.Last(t.Context(), bus.Feed)
	if err != nil || last != 10 {
		t.Fatalf("last: %d, %v, want 10", last, err)
	}
	all := follow(t, b, bus.Feed, "", 4)
	odd := follow(t, b, bus.Feed, "heddle.feed.job.j1.*", 1)
	late := follow(t, b, bus.Feed, "", last+1)
	publish(t, b, bus.Message{Subject: bus.JobFeedSubject("j1", "e"), Data: []byte("10")})
	for seq := uint64(4); seq <= 11; seq++ {
		e := next(t, all, "all")
		if e.seq != seq || string(e.m.Data) != strconv.Itoa(int(seq-1)) {
			t.Fatalf("seq %d, data %s, want seq %d", e.seq, e.m.Data, seq)
		}
		if n := strconv.Itoa(int(seq - 1)); seq <= 10 && (e.m.ID != n || len(e.m.Header) != 1 || e.m.Header["n"] != n) {
			t.Errorf("seq %d: id %q, header %v", seq, e.m.ID, e.m.Header)
		}
	}
	for _, seq := range []uint64{2, 4, 6, 8, 10, 11} {
		if e := next(t, odd, "filtered"); e.seq != seq {
			t.Fatalf("filtered: seq %d, want %d", e.seq, seq)
		}
	}
	if e := next(t, late, "late"); e.seq != 11 {
		t.Errorf("late: seq %d, want 11", e.seq)
	}
}

func tailFromNow(t *testing.T, d Driver) {
	b := open(t, d)
	old := bus.Message{Subject: bus.PlatformFeedSubject("test", "old")}
	fresh := bus.Message{Subject: bus.PlatformFeedSubject("test", "fresh")}
	publish(t, b, old)
	ch := follow(t, b, bus.Feed, "", bus.FromNow)
	eventually(t, "tail from now", func() bool {
		publish(t, b, fresh)
		return len(ch) > 0
	})
	if e := <-ch; e.m.Subject != fresh.Subject {
		t.Errorf("first is %q, want %q", e.m.Subject, fresh.Subject)
	}
}

func feedForgets(t *testing.T, d Driver) {
	b := openWith(t, d, limited(bus.Feed, 5))
	for i := range 8 {
		publish(t, b, bus.Message{Subject: bus.JobFeedSubject("j", strconv.Itoa(i))})
	}
	ch := follow(t, b, bus.Feed, "", 1)
	for seq := uint64(4); seq <= 8; seq++ {
		if e := next(t, ch, "kept"); e.seq != seq {
			t.Fatalf("seq %d, want %d", e.seq, seq)
		}
	}
}

func signal(t *testing.T, d Driver) {
	b := open(t, d)
	ch := make(chan string, 1024)
	run(t, "listen", func(ctx context.Context) error {
		return b.Listen(ctx, "heddle.cancel.*", func(subject string, data []byte) { ch <- subject + "=" + string(data) })
	})
	eventually(t, "signal", func() bool {
		for _, s := range []string{"heddle.cancel.j.deeper", "heddle.other.j", bus.CancelSubject("job 1")} {
			if err := b.Signal(t.Context(), s, []byte("now")); err != nil {
				t.Fatal(err)
			}
		}
		return len(ch) > 0
	})
	for len(ch) > 0 {
		if got, want := <-ch, "heddle.cancel.job%201=now"; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

func getEpoch(t *testing.T, b bus.Bus) string {
	t.Helper()
	e, err := b.Epoch(t.Context())
	if err != nil || e == "" {
		t.Fatalf("epoch: %q, %v", e, err)
	}
	return e
}

func epoch(t *testing.T, d Driver) {
	b := open(t, d)
	before := getEpoch(t, b)
	publish(t, b, events(10)...)
	if after := getEpoch(t, b); after != before {
		t.Errorf("epoch changed from %q to %q by itself", before, after)
	}
	d.Wipe(t, b)
	after := getEpoch(t, b)
	if after == before {
		t.Errorf("epoch still %q after the loss", after)
	}
	if again := getEpoch(t, b); again != after {
		t.Errorf("epoch changed again, from %q to %q", after, again)
	}
	d.Wipe(t, b)
	if last, err := b.Last(t.Context(), bus.Events); err != nil || last != 0 {
		t.Errorf("last after the loss: %d, %v, want 0", last, err)
	}
}

// loss is publishing, without a call of Epoch, to streams that are gone.
func loss(t *testing.T, d Driver, c bus.Consumer) {
	b := open(t, d)
	got, _ := consume(t, b, c)
	publish(t, b, events(1)...)
	held := next(t, got, "before the loss")
	for round := range 2 {
		d.Wipe(t, b)
		msgs := []bus.Message{
			{Subject: bus.EventSubject(0, "j"), ID: "same", Data: []byte("event")},
			{Subject: bus.TaskSubject("p", "a", "m"), ID: "same"},
			{Subject: bus.JobFeedSubject("j", "e")},
		}
		publish(t, b, msgs...)
		m := next(t, got, fmt.Sprintf("after loss %d", round))
		wantData(t, m, "event")
		held.Ack() // of a life that is over: may not disturb
		m.Ack()
	}
	tasks, _ := consume(t, b, bus.Consumer{Stream: bus.Tasks})
	next(t, tasks, "task").Ack()
}

func lossTail(t *testing.T, d Driver) {
	b := open(t, d)
	ch := follow(t, b, bus.Feed, "", 1)
	for i := range 5 {
		publish(t, b, bus.Message{Subject: bus.JobFeedSubject("j", strconv.Itoa(i))})
		next(t, ch, "before the loss")
	}
	d.Wipe(t, b)
	publish(t, b, bus.Message{Subject: bus.JobFeedSubject("j", "after")})
	if e := next(t, ch, "after the loss"); e.seq != 1 || e.m.Subject != bus.JobFeedSubject("j", "after") {
		t.Errorf("seq %d, subject %q, want seq 1 of the new stream", e.seq, e.m.Subject)
	}
}

func closing(t *testing.T, d Driver) {
	b := open(t, d)
	var ended sync.WaitGroup
	entered := make(chan struct{}, 1)
	ended.Go(func() {
		err := b.Consume(t.Context(), bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
			d.Ack()
			entered <- struct{}{}
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	ended.Go(func() {
		err := b.Tail(t.Context(), bus.Feed, "", 1, func(uint64, bus.Message) {})
		if err != nil && !errors.Is(err, bus.ErrClosed) { // if it began after Close
			t.Errorf("tail: %v", err)
		}
	})
	ended.Go(func() {
		err := b.Listen(t.Context(), "heddle.>", func(string, []byte) {})
		if err != nil && !errors.Is(err, bus.ErrClosed) {
			t.Errorf("listen: %v", err)
		}
	})
	publish(t, b, events(1)...)
	next(t, entered, "message")
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	ended.Wait()
	if err := b.Publish(t.Context(), events(1)...)[0]; !errors.Is(err, bus.ErrClosed) {
		t.Errorf("publish: %v, want ErrClosed", err)
	}
	if _, err := b.Epoch(t.Context()); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("epoch: %v, want ErrClosed", err)
	}
	if _, err := b.Last(t.Context(), bus.Feed); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("last: %v, want ErrClosed", err)
	}
	if err := b.Signal(t.Context(), "heddle.cancel.j", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("signal: %v, want ErrClosed", err)
	}
	if err := b.Consume(t.Context(), bus.Consumer{Stream: bus.Events, Name: "engine"}, nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("consume: %v, want ErrClosed", err)
	}
	if err := b.Tail(t.Context(), bus.Feed, "", 1, nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("tail: %v, want ErrClosed", err)
	}
	if err := b.Listen(t.Context(), "heddle.>", nil); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("listen: %v, want ErrClosed", err)
	}
}

func concurrent(t *testing.T, d Driver) {
	b := open(t, d)
	const publishers, batches, batch = 4, 10, 25
	settle := make(chan bus.Delivery, publishers*batches*batch)
	var ids sync.Map
	var left sync.WaitGroup
	left.Add(publishers * batches * batch)
	for _, prefetch := range []int{0, 10} {
		run(t, "consume", func(ctx context.Context) error {
			return b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine", MaxPending: 64, Prefetch: prefetch}, func(d bus.Delivery) { settle <- d })
		})
		run(t, "settle", func(ctx context.Context) error {
			for i := 0; ; i++ {
				select {
				case d := <-settle:
					if i%10 == 0 && d.Deliveries() == 1 {
						d.Working()
						d.Nak(0)
						continue
					}
					d.Ack()
					if _, repeat := ids.LoadOrStore(d.ID(), true); !repeat {
						left.Done()
					}
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	for p := range publishers {
		run(t, "publish", func(ctx context.Context) error {
			for n := range batches {
				msgs := events(batch)
				for i := range msgs {
					msgs[i].ID = fmt.Sprintf("%d-%d-%d", p, n, i)
				}
				if err := fail(b.Publish(ctx, msgs...)); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	all := make(chan struct{})
	go func() { left.Wait(); close(all) }()
	next(t, all, "all messages")
}

// peek shows what is waiting and what is in hand, and nothing that was acknowledged.
func peek(t *testing.T, d Driver) {
	b := open(t, d)
	look := func(filter string, most int) (ids []string) {
		t.Helper()
		err := b.Peek(t.Context(), bus.Events, filter, func(m bus.Message) bool {
			ids = append(ids, string(m.Data))
			return len(ids) < most
		})
		if err != nil {
			t.Fatalf("peek: %v", err)
		}
		return ids
	}
	if got := look("", 10); len(got) != 0 {
		t.Errorf("an empty stream shows %v", got)
	}
	publish(t, b, events(5)...)
	got, _ := consume(t, b, bus.Consumer{MaxPending: 2})
	first, second := next(t, got, "first"), next(t, got, "second")
	if err := first.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(look("", 10)); got != "[1 2 3 4]" {
		t.Errorf("after the first was settled, with the second in hand: %s", got)
	}
	if got := fmt.Sprint(look("", 2)); got != "[1 2]" {
		t.Errorf("the first two of them: %s", got)
	}
	if got := fmt.Sprint(look(bus.EventSubject(0, "j3"), 10)); got != "[3]" {
		t.Errorf("those of one subject: %s", got)
	}
	second.Ack()
	if err := b.Peek(t.Context(), "NOPE", "", func(bus.Message) bool { return true }); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("peek into no stream: %v", err)
	}
	if err := b.Peek(t.Context(), bus.Events, "a..b", func(bus.Message) bool { return true }); !errors.Is(err, bus.ErrMessage) {
		t.Errorf("peek with a bad filter: %v", err)
	}
}
