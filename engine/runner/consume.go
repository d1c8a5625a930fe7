package runner

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
)

// consume hands events from the bus to the shards of their jobs. A server alone takes them
// all; servers that share a store take those of their partitions, which move when a server
// comes or goes. That a partition may have two owners for a moment, or none, costs time only:
// commits are guarded, and events wait.
func (r *Runner) consume(ctx context.Context) error {
	c := bus.Consumer{
		Stream: bus.Events, Name: "engine", MaxPending: 4096,
		// Short, because it is how long an event waits whose server was killed; a turn that
		// takes longer meets its own event again as a stale one.
		AckWait: 5 * time.Second,
	}
	if !r.Shared {
		c.Own = true
		return r.take(ctx, c)
	}
	var running sync.WaitGroup
	defer running.Wait()
	stops := map[int]context.CancelFunc{}
	for {
		mine := r.members.partitions(r.Partitions)
		for p, stop := range stops {
			if !mine[p] {
				stop()
				delete(stops, p)
			}
		}
		for p := range mine {
			if stops[p] != nil {
				continue
			}
			one := c
			one.Name, one.Filter, one.MaxPending = fmt.Sprintf("engine-%d", p), []string{bus.EventFilter(p)}, 512
			owned, stop := context.WithCancel(ctx)
			stops[p] = stop
			running.Go(func() {
				if err := r.take(owned, one); err != nil && !errors.Is(err, context.Canceled) {
					r.Log.Error("partition not consumed", "partition", p, "err", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			for _, stop := range stops {
				stop()
			}
			return ctx.Err()
		case <-r.members.changed:
		}
	}
}

func (r *Runner) take(ctx context.Context, c bus.Consumer) error {
	return r.Bus.Consume(ctx, c, func(d bus.Delivery) {
		if it := r.accept(d); it != nil && !r.put(ctx, it) {
			d.Nak(0)
		}
	})
}

// owner picks the member that a partition belongs to. When one comes or goes only its own
// partitions move.
func owner(members []string, partition int) (best string) {
	var most uint32
	for _, m := range members {
		h := fnv.New32a()
		fmt.Fprintf(h, "%d/%s", partition, m)
		if n := h.Sum32() * 2_654_435_769; best == "" || n > most {
			best, most = m, n
		}
	}
	return best
}
