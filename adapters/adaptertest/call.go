package adaptertest

import (
	"context"
	"errors"
	"sync"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows/value"
)

// Call has one method of a kind do one call on a bus in memory, and returns the TaskFinished
// event that answers it. It is the shortest way to test a method as the engine sees it.
func Call(ctx context.Context, kind *adapters.Kind, i adapters.Instance, secrets adapters.Secrets, method string, incoming value.Value) (value.Value, error) {
	return CallAndCancel(ctx, kind, i, secrets, method, incoming, nil)
}

// CallAndCancel is [Call], with the task being canceled once the channel is closed.
func CallAndCancel(ctx context.Context, kind *adapters.Kind, i adapters.Instance, secrets adapters.Secrets, method string, incoming value.Value, cancel <-chan struct{}) (value.Value, error) {
	return CallOrder(ctx, kind, i, secrets, adapters.Order{Method: method, Incoming: incoming}, cancel)
}

// CallOrder is [CallAndCancel] with an order of which more is given, such as its guard or its
// mode. Whose it is and whom it is for is filled in.
func CallOrder(ctx context.Context, kind *adapters.Kind, i adapters.Instance, secrets adapters.Secrets, o adapters.Order, cancel <-chan struct{}) (value.Value, error) {
	o.Key, o.Job, o.Workflow, o.Task, o.Iteration, o.Attempt = engine.RunKey(job, "a1", 1), job, "adaptertest", "a1", 1, 1
	o.App, o.AdapterID = kind.App, i.ID
	b := membus.New(membus.Options{})
	ctx, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	var failed, deaf error
	serving.Go(func() {
		defer stop()
		s := &adapters.Server{Bus: b, Kind: kind, Instances: []adapters.Instance{i}, Secrets: secrets}
		failed = s.Run(ctx)
	})
	serving.Go(func() {
		select {
		case <-cancel:
			deaf = b.Signal(ctx, bus.CancelSubject(job), []byte(o.Key))
		case <-ctx.Done():
		}
	})
	m := bus.Message{Subject: bus.TaskSubject(adapters.DefaultPool, o.App, o.Method), ID: o.Key, Data: o.JSON()}
	if err := b.Publish(ctx, m)[0]; err != nil {
		stop()
		serving.Wait()
		return value.Absent, err
	}
	var result value.Value
	err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "adaptertest"}, func(d bus.Delivery) {
		d.Ack()
		if v, err := value.Parse(d.Data()); err == nil && v.Get("type").Text() == "TaskFinished" {
			result = v
			stop()
		}
	})
	stop()
	serving.Wait()
	return result, errors.Join(failed, deaf, err)
}
