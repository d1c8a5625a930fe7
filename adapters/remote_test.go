package adapters_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/payload"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

const (
	root  = "65f0c0ffee0000000000abcd"
	other = "65f0c0ffee0000000000abce"
)

// shelf is a box in memory.
type shelf struct {
	mu    sync.Mutex
	texts map[string][]byte
	full  bool
}

func (s *shelf) Get(_ context.Context, family, hash string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text, ok := s.texts[family+"/"+hash]; ok {
		return text, nil
	}
	return nil, payload.ErrMissing
}

func (s *shelf) Put(_ context.Context, family string, texts []payload.Text, _ bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return &payload.LimitError{Text: "the shelf is full"}
	}
	for _, t := range texts {
		s.texts[family+"/"+t.Hash] = t.JSON
	}
	return nil
}

// serving runs n servers with one shelf until the test ends.
func serving(t *testing.T, b bus.Bus, n int, o payload.Options) *shelf {
	t.Helper()
	s := &shelf{texts: map[string][]byte{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			if err := adapters.ServePayloads(ctx, b, "server-"+string(rune('a'+i)), payload.New(s, o), slog.New(slog.DiscardHandler)); err != nil && ctx.Err() == nil {
				t.Errorf("serve: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestRemote_valuesCrossTheBus(t *testing.T) {
	t.Parallel()
	b := membus.New(membus.Options{})
	s := serving(t, b, 3, payload.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	listening.Go(func() {
		err := b.Listen(ctx, "heddle.payload.>", func(subject string, data []byte) {
			if v := value.MustParse(string(data)); strings.HasPrefix(subject, "heddle.payload.inbox.") {
				conforms(t, "payload-answer", v)
			} else {
				conforms(t, "payload-request", v)
			}
			if len(data) > 512<<10 {
				t.Errorf("a message of %d bytes to %s", len(data), subject)
			}
		})
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	large := value.Object("text", value.String(strings.Repeat("é\"", 700_000)), "list", value.Array(value.String(strings.Repeat("x", 200_000)), value.Int(1)))
	writer, reader := payload.New(adapters.NewRemote(b), payload.Options{}), payload.New(adapters.NewRemote(b), payload.Options{})
	folded, err := writer.Fold(t.Context(), root, large)
	if err != nil {
		t.Fatal(err)
	}
	if folded.Exceeds(400) || len(s.texts) != 2 {
		t.Errorf("folded to %s with %d texts", folded, len(s.texts))
	}
	got, err := reader.Unfold(t.Context(), root, folded)
	if err != nil || !value.Equal(got, large) {
		t.Errorf("came back as %.200s, %v", got, err)
	}
	if _, err := reader.Unfold(t.Context(), other, folded); err != nil && !errors.Is(err, payload.ErrMissing) || err == nil {
		t.Errorf("of another family: %v, want ErrMissing", err)
	}
}

func TestRemote_limits(t *testing.T) {
	t.Parallel()
	b := membus.New(membus.Options{})
	s := serving(t, b, 1, payload.Options{MaxValue: 300_000})
	p := payload.New(adapters.NewRemote(b), payload.Options{})
	if _, err := p.Fold(t.Context(), root, value.String(strings.Repeat("x", 300_000))); !errors.As(err, new(*payload.LimitError)) {
		t.Errorf("a value too large: %v", err)
	}
	s.full = true
	if _, err := p.Fold(t.Context(), root, value.String(strings.Repeat("x", 200_000))); !errors.As(err, new(*payload.LimitError)) {
		t.Errorf("a family too large: %v", err)
	}
}

func TestRemote_nobodyAnswers(t *testing.T) {
	t.Parallel()
	b := membus.New(membus.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := adapters.NewRemote(b).Get(ctx, root, "00")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
}

// A worker in another process gets whole values and answers with whole ones; the bus carries
// references.
func TestWork_largeValues(t *testing.T) {
	t.Parallel()
	b := membus.New(membus.Options{})
	s := serving(t, b, 1, payload.Options{})
	engine := payload.New(s, payload.Options{})
	input := value.Object("config", value.String(strings.Repeat("interface\n", 300_000)))
	folded, err := engine.Fold(t.Context(), root, input)
	if err != nil {
		t.Fatal(err)
	}
	o := adapters.Order{Key: "j/t/1/run", Job: "j", Root: root, Task: "t", Iteration: 1, Attempt: 1, App: "Lab", Method: "get", Incoming: folded, Payloads: true}
	if err := b.Publish(t.Context(), bus.Message{Subject: bus.TaskSubject(adapters.DefaultPool, "Lab", "get"), ID: o.Key, Data: o.JSON()})[0]; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		err := adapters.Work(ctx, b, adapters.Worker{Name: "lab", Consumer: "lab"}, func(_ context.Context, o adapters.Order) adapters.Result {
			return adapters.Result{State: workflows.Success, Outgoing: value.Object("twice", value.Array(o.Incoming, o.Incoming))}
		})
		if err != nil {
			t.Errorf("work: %v", err)
		}
	})
	answers := make(chan value.Value, 1)
	running.Go(func() {
		err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
			d.Ack()
			if len(d.Data()) > 4<<10 {
				t.Errorf("the answer has %d bytes", len(d.Data()))
			}
			answers <- value.MustParse(string(d.Data()))
		})
		if err != nil {
			t.Errorf("consume: %v", err)
		}
	})
	select {
	case v := <-answers:
		if !v.Get("payloads").Truth() || v.Get("root").Text() != root {
			t.Errorf("the answer does not say that it has references: %s", v)
		}
		whole, err := engine.Unfold(t.Context(), root, v.Get("outgoing"))
		if err != nil || !value.Equal(whole, value.Object("twice", value.Array(input, input))) {
			t.Errorf("the answer is %.300s, %v", whole, err)
		}
	case <-time.After(20 * time.Second):
		t.Error("no answer")
	}
	cancel()
	running.Wait()
}
