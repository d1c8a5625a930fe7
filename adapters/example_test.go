package adapters_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows/value"
)

// desk is a ticket system that lives in memory.
type desk struct {
	prefix string
	mu     sync.Mutex
	opened map[string]int // ticket numbers by the key of the order
}

type config struct {
	Prefix string `json:"prefix" doc:"of ticket numbers"`
}

type newTicket struct {
	Title    string `json:"title" doc:"what is wrong"`
	Priority int    `json:"priority,omitempty"`
}

type ticket struct {
	Number string `json:"number"`
}

var tickets = adapters.Kind{
	App: "Tickets", Version: "1.0.0",
	Config: adapters.SchemaOf[config](),
	Open: func(_ context.Context, i adapters.Instance) (any, error) {
		return &desk{prefix: i.Config.Get("prefix").Text(), opened: map[string]int{}}, nil
	},
	Methods: []adapters.Spec{adapters.Method("open", open).Says("Opens a ticket.")},
}

func open(_ context.Context, c *adapters.Call, in newTicket) (ticket, error) {
	if in.Priority > 5 {
		return ticket{}, &adapters.Error{Class: "input", Text: "the lowest priority is 5"}
	}
	d := adapters.Client[*desk](c)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.opened[c.Order.Key] == 0 { // a repeated order opens no second ticket
		d.opened[c.Order.Key] = len(d.opened) + 1
	}
	return ticket{fmt.Sprintf("%s%04d", d.prefix, d.opened[c.Order.Key])}, nil
}

// A whole adapter, and an order for it.
func Example() {
	b := membus.New(membus.Options{})
	ctx, stop := context.WithCancel(context.Background())
	var adapter sync.WaitGroup
	adapter.Go(func() {
		prod := adapters.Instance{ID: "tickets-prod", Config: value.Object("prefix", value.String("INC"))}
		if err := adapters.Serve(ctx, b, &tickets, prod); err != nil {
			fmt.Println(err)
		}
	})

	o := adapters.Order{
		Key: "65f0c0ffee0000000000abcd/a1/1/run", Job: "65f0c0ffee0000000000abcd", Task: "a1", Iteration: 1, Attempt: 1,
		App: "Tickets", Method: "open", AdapterID: "tickets-prod", Incoming: value.Object("title", value.String("core-1 is down")),
	}
	b.Publish(ctx, bus.Message{Subject: bus.TaskSubject("default", o.App, o.Method), ID: o.Key, Data: o.JSON()})
	err := b.Consume(ctx, bus.Consumer{Stream: bus.Events, Name: "engine"}, func(d bus.Delivery) {
		v, _ := value.Parse(d.Data())
		fmt.Println(v.Get("type").Text())
		d.Ack()
		if v.Has("outgoing") {
			fmt.Println(v.Get("outgoing"))
			stop()
		}
	})
	adapter.Wait()
	fmt.Println(err)
	// Output:
	// TaskStarted
	// TaskFinished
	// {"number":"INC0001"}
	// <nil>
}
