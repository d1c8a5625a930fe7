package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/registry"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/workflows/value"
)

// house is an outside system that counts who is in it.
type house struct {
	mu   sync.Mutex
	open []string
}

type room struct {
	h    *house
	name string
}

func (r room) Close() error {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	for i, n := range r.h.open {
		if n == r.name {
			r.h.open = append(r.h.open[:i], r.h.open[i+1:]...)
			break
		}
	}
	return nil
}

func (h *house) kind() *adapters.Kind {
	type config struct {
		Name  string `json:"name"`
		Token string `json:"token,omitempty" secret:"true"`
	}
	return &adapters.Kind{
		App: "House", Version: "1.0.0", Config: adapters.SchemaOf[config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			name := i.Config.Get("name").Text()
			h.open = append(h.open, name)
			return room{h, name}, nil
		},
		Check: func(_ context.Context, i adapters.Instance, _ any) error {
			if name := i.Config.Get("name").Text(); name == "broken" {
				return fmt.Errorf("the door of %s is stuck", i.Config.Get("token").Text())
			}
			return nil
		},
		Methods: []adapters.Spec{adapters.Method("enter", func(_ context.Context, c *adapters.Call, _ struct{}) (string, error) {
			return adapters.Client[room](c).name, nil
		})},
	}
}

// world is two registries that share a store and a bus, and an engine that orders.
type world struct {
	t       *testing.T
	one     *registry.Registry
	two     *registry.Registry
	bus     *membus.Bus
	house   house
	n       int
	results chan value.Value
	told    chan string
}

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, bus: membus.New(membus.Options{}), results: make(chan value.Value, 100), told: make(chan string, 100)}
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret := func(_ context.Context, name string) (string, error) { return "opensesame", nil }
	for _, r := range []**registry.Registry{&w.one, &w.two} {
		if *r, err = registry.New(registry.Options{Store: st, Bus: w.bus, Kinds: []*adapters.Kind{w.house.kind()}, Secrets: secret}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{w.one.Run, w.two.Run, w.hear} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { stop(); running.Wait() })
	return w
}

func (w *world) hear(ctx context.Context) error {
	return w.bus.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
		d.Ack()
		switch v := value.MustParse(string(d.Data())); v.Get("type").Text() {
		case "TaskFinished":
			w.results <- v
		case "TaskProgress":
			w.told <- v.Get("text").Text()
		}
	})
}

func (w *world) order(instance string) {
	w.t.Helper()
	w.n++
	o := adapters.Order{
		Key: fmt.Sprint("k", w.n), Job: "65f0c0ffee0000000000abcd", Task: "a", Iteration: w.n, Attempt: 1, App: "House", Method: "enter", AdapterID: instance,
	}
	m := bus.Message{Subject: bus.TaskSubject("default", o.App, o.Method), ID: o.Key, Data: o.JSON()}
	if err := w.bus.Publish(w.t.Context(), m)[0]; err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) save(doc string) {
	w.t.Helper()
	v, err := w.one.Fit(value.MustParse(doc), "/config")
	if err != nil {
		w.t.Fatal(err)
	}
	expect := store.New
	if i, err := w.one.Get(w.t.Context(), v.Get("name").Text()); err == nil {
		expect = i.Revision
	}
	if err := w.one.Save(w.t.Context(), v, expect); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(outcome string) {
	w.t.Helper()
	select {
	case v := <-w.results:
		if got := v.Get("outgoing").String() + v.Path("error", "message").Text(); !strings.Contains(got, outcome) {
			w.t.Errorf("got %s, want %s", v, outcome)
		}
	case <-time.After(time.Minute):
		w.t.Errorf("no answer, want %s", outcome)
	}
}

// Orders of a kind without instances wait for the first one. What people change counts at
// once, in every server, and nothing stays open that nobody needs.
func TestRegistry_follows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		w.order("front")
		time.Sleep(time.Minute)
		if len(w.results) > 0 {
			t.Fatalf("answered without an instance: %s", <-w.results)
		}
		if why := w.two.Lacks("House", "front"); !strings.Contains(why, "no adapter instance of House yet") {
			t.Errorf("lacks %q", why)
		}
		w.save(`{"name":"front","app":"House","config":{"name":"red"}}`)
		w.want("red")
		w.save(`{"name":"front","app":"House","config":{"name":"green"}}`)
		synctest.Wait()
		for range 10 {
			w.order("front")
			w.want("green")
		}
		w.order("back")
		w.want(`there is "front"`)

		w.save(`{"name":"front","app":"House","config":{"name":"green"},"enabled":false}`)
		synctest.Wait()
		w.order("front")
		time.Sleep(time.Minute)
		if len(w.results) > 0 {
			t.Errorf("answered while stopped: %s", <-w.results)
		}
		if got := <-w.told; !strings.Contains(got, `"front" is stopped`) {
			t.Errorf("told %q", got)
		}
		w.save(`{"name":"front","app":"House","config":{"name":"blue"}}`)
		w.want("blue")
		w.save(`{"name":"other","app":"House","config":{"name":"broken","token":"$secret.t"}}`)
		time.Sleep(time.Minute)
		for _, h := range w.one.Health() {
			if want := map[string]string{"front": "RUNNING", "other": "DEAD"}[h.ID]; h.State != want || strings.Contains(h.Problem, "opensesame") {
				t.Errorf("health %+v, want %s", h, want)
			}
		}
		if err := w.two.Check(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "the door of *** is stuck") {
			t.Errorf("check: %v", err)
		}
		i, err := w.two.Get(t.Context(), "front")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.two.Delete(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.order("front")
		w.want(`no adapter instance "front"`)
		w.house.mu.Lock()
		defer w.house.mu.Unlock()
		for _, name := range w.house.open {
			if name != "broken" {
				t.Errorf("%s is still open", name)
			}
		}
	})
}

// The limits of an instance hold, and what waits for them says so.
func TestRegistry_limits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		w.save(`{"name":"front","app":"House","config":{"name":"red"},"limits":{"perSecond":2,"burst":1}}`)
		synctest.Wait()
		began := time.Now()
		const calls = 41
		for range calls {
			w.order("front")
		}
		for range calls {
			w.want("red")
		}
		// Two servers, each with its own limit.
		if took := time.Since(began); took < (calls/2-1)*time.Second/2-time.Second || took > calls*time.Second {
			t.Errorf("%d calls took %s", calls, took)
		}
		if got := <-w.told; !strings.Contains(got, "no more than 2 calls a second") {
			t.Errorf("told %q", got)
		}
	})
}
