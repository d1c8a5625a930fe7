package lab_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/lab"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestKind_methods(t *testing.T) {
	for name, tc := range map[string]struct{ method, in, want string }{
		"echo":               {"echo", `{"value":{"a":[1,9007199254740993]}}`, `"outgoing":{"result":{"a":[1,9007199254740993]}}`},
		"echo nothing":       {"echo", `{}`, `"outgoing":{"result":null}`},
		"fail":               {"fail", `{}`, `"finishState":"error","error":{"class":"lab","message":"failed as told"`},
		"fail as told":       {"fail", `{"class":"network","text":"no route"}`, `"error":{"class":"network","message":"no route"`},
		"fail blocked":       {"fail", `{"state":"blocked"}`, `"finishState":"blocked"`},
		"failure":            {"fail", `{"state":"failure"}`, `"finishState":"failure"`},
		"fail otherwise":     {"fail", `{"state":"done"}`, `"class":"input"`},
		"flaky no failures":  {"flaky", `{"failures":0,"value":1}`, `"outgoing":{"result":1}`},
		"flaky":              {"flaky", `{"failures":1,"class":"x"}`, `"error":{"class":"x"`},
		"progress":           {"progress", `{"steps":4,"seconds":2}`, `"outgoing":{"result":4}`},
		"progress no steps":  {"progress", `{"steps":0,"seconds":2}`, `"class":"input"`},
		"sleep":              {"sleep", `{"seconds":3600,"value":"a"}`, `"outgoing":{"result":"a"}`},
		"sleep backwards":    {"sleep", `{"seconds":-1}`, `"class":"input"`},
		"sleep for too long": {"sleep", `{"seconds":1e300}`, `"class":"input"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := adaptertest.Call(t.Context(), lab.Kind(), adapters.Instance{}, nil, tc.method, value.MustParse(tc.in))
				if err != nil || !strings.Contains(v.String(), tc.want) {
					t.Errorf("%v, %s, want %s", err, v, tc.want)
				}
			})
		})
	}
}

func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		v, err := adaptertest.Call(ctx, lab.Kind(), adapters.Instance{}, nil, "silent", value.Object())
		if err != nil || !v.IsAbsent() {
			t.Errorf("%v, it said %s", err, v)
		}
	})
}

// One adapter sees the attempts of a task; the one after the failures works.
func TestFlaky_countsByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(membus.Options{})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var serving sync.WaitGroup
		defer serving.Wait()
		serving.Go(func() {
			if err := adapters.Serve(ctx, b, lab.Kind()); err != nil {
				t.Error(err)
			}
		})
		var states []string
		serving.Go(func() {
			err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
				d.Ack()
				if v, _ := value.Parse(d.Data()); v.Has("finishState") {
					states = append(states, v.Get("finishState").Text())
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
		for i := range 4 {
			o := adapters.Order{
				Key: fmt.Sprint("k", i), Job: "65f0c0ffee0000000000abcd", Task: "a1", Iteration: i + 1, Attempt: i + 1,
				App: lab.App, Method: "flaky", Incoming: value.MustParse(`{"failures":2,"key":"x","value":1}`),
			}
			m := bus.Message{Subject: bus.TaskSubject(adapters.DefaultPool, o.App, o.Method), ID: o.Key, Data: o.JSON()}
			if err := b.Publish(ctx, m)[0]; err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := strings.Join(states, " "); got != "error error success error" {
			t.Errorf("got %s", got)
		}
		stop()
		serving.Wait()
	})
}
