package membus_test

import (
	"context"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
)

func Example() {
	b := membus.New(membus.Options{})
	defer b.Close()

	ctx, cancel := context.WithCancel(context.Background())
	task := bus.Message{Subject: bus.TaskSubject("default", "email", "send"), ID: "job1/a1/1/1", Data: []byte(`{"to":"noc"}`)}
	for _, err := range b.Publish(ctx, task, task) { // the second is dropped as a repeat
		if err != nil {
			fmt.Println(err)
		}
	}
	c := bus.Consumer{Stream: bus.Tasks, Name: "email", Filter: []string{bus.TaskFilter("default", "email")}}
	err := b.Consume(ctx, c, func(d bus.Delivery) {
		fmt.Println(d.Subject(), string(d.Data()))
		d.Ack()
		cancel()
	})
	fmt.Println(err)
	// Output:
	// heddle.task.default.email.send {"to":"noc"}
	// <nil>
}

// A simulation delivers by hand and moves the clock to where something is due.
func ExampleBus_Step() {
	start := time.Unix(0, 0)
	now := start
	b := membus.New(membus.Options{Manual: true, Now: func() time.Time { return now }, Fault: func(a membus.Attempt) (f membus.Fault) {
		f.Drop = a.Stage == membus.Settling && a.Deliveries == 1 // the first Ack is never heard
		return f
	}})
	defer b.Close()
	detach, err := b.Attach(bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
		fmt.Println(now.Sub(start), "delivery", d.Deliveries())
		d.Ack()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer detach()
	b.Publish(context.Background(), bus.Message{Subject: bus.EventSubject(0, "job1")})
	for {
		for b.Step() {
		}
		due, ok := b.Due()
		if !ok {
			break
		}
		now = due
	}
	// Output:
	// 0s delivery 1
	// 30s delivery 2
}
