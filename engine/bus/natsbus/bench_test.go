package natsbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

func benchBus(b *testing.B) *natsbus.Bus {
	b.Helper()
	nb, err := natsbus.Open(b.Context(), natsbus.Options{
		Embedded: &natsbus.Embedded{Dir: b.TempDir()},
		Logger:   slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = nb.Close() }) // the end of the benchmark
	return nb
}

var engine = bus.Consumer{Stream: bus.Events, Name: "engine", MaxPending: 4096}

// batch returns n messages of the size of a task's, with ids no batch before had.
func batch(n int, id *int) []bus.Message {
	data := make([]byte, 600)
	msgs := make([]bus.Message, n)
	for i := range msgs {
		*id++
		msgs[i] = bus.Message{Subject: bus.EventSubject(0, "job"), ID: strconv.Itoa(*id), Data: data}
	}
	return msgs
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		nb, err := natsbus.Open(b.Context(), natsbus.Options{Embedded: &natsbus.Embedded{Dir: b.TempDir(), Listen: "127.0.0.1:0"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := nb.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			nb := benchBus(b)
			id := 0
			used := cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range nb.Publish(b.Context(), batch(n, &id)...) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "msgs/s")
			b.ReportMetric(float64(used().Nanoseconds())/1e3/float64(id), "cpu-µs/msg")
		})
	}
}

// BenchmarkRoundTrip is one message at a time: publish until its handler runs, which acknowledges.
func BenchmarkRoundTrip(b *testing.B) {
	nb := benchBus(b)
	arrived := make(chan struct{}, 1)
	stop := benchConsume(b, nb, engine, func(d bus.Delivery) {
		d.Ack()
		arrived <- struct{}{}
	})
	defer stop()
	var times []time.Duration
	id := 0
	used := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		if err := nb.Publish(b.Context(), batch(1, &id)...)[0]; err != nil {
			b.Fatal(err)
		}
		<-arrived
		times = append(times, time.Since(start))
	}
	b.ReportMetric(float64(used().Nanoseconds())/1e3/float64(id), "cpu-µs/msg")
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkFlow publishes, consumes and acknowledges at the same time.
func BenchmarkFlow(b *testing.B) {
	for _, publishers := range []int{1, 4} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			nb := benchBus(b)
			const n = 64
			var left sync.WaitGroup
			stop := benchConsume(b, nb, engine, func(d bus.Delivery) {
				d.Ack()
				left.Done()
			})
			defer stop()
			work := make(chan []bus.Message)
			var group sync.WaitGroup
			for range publishers {
				group.Go(func() {
					for msgs := range work {
						for _, err := range nb.Publish(b.Context(), msgs...) {
							if err != nil {
								b.Error(err)
								left.Done()
							}
						}
					}
				})
			}
			id := 0
			used := cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				left.Add(n)
				work <- batch(n, &id)
			}
			close(work)
			group.Wait()
			left.Wait()
			b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "msgs/s")
			b.ReportMetric(float64(used().Nanoseconds())/1e3/float64(id), "cpu-µs/msg")
		})
	}
}

func benchConsume(b *testing.B, nb bus.Bus, c bus.Consumer, handle func(bus.Delivery)) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := nb.Consume(ctx, c, handle); err != nil {
			b.Error(err)
		}
	})
	return func() {
		cancel()
		ended.Wait()
	}
}

// BenchmarkTransition is the traffic of jobs whose tasks run one after another: a worker answers each
// order with an event of its own Publish, the engine each event with the next order of the
// job, those that arrived meanwhile in one Publish.
func BenchmarkTransition(b *testing.B) {
	for _, jobs := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("jobs=%d", jobs), func(b *testing.B) {
			nb := benchBus(b)
			data := make([]byte, 600)
			var serial atomic.Int64
			send := func(msgs []bus.Message) {
				for _, err := range nb.Publish(b.Context(), msgs...) {
					if err != nil {
						b.Error(err)
					}
				}
			}
			order := func(job string) bus.Message {
				return bus.Message{Subject: bus.TaskSubject("default", "app", "method"), ID: job + "/" + strconv.FormatInt(serial.Add(1), 10), Data: data, Header: map[string]string{"job": job}}
			}
			event := func(d bus.Delivery) bus.Message {
				job := d.Header("job")
				return bus.Message{Subject: bus.EventSubject(len(job)%32, job), ID: d.ID() + "/finished", Data: data, Header: map[string]string{"job": job}}
			}
			var workers sync.WaitGroup
			stopWork := benchConsume(b, nb, bus.Consumer{Stream: bus.Tasks, Name: "worker", MaxPending: 128}, func(d bus.Delivery) {
				workers.Go(func() {
					send([]bus.Message{event(d)})
					d.Ack()
				})
			})
			arrived := make(chan bus.Delivery, jobs)
			stopEngine := benchConsume(b, nb, bus.Consumer{Stream: bus.Events, Name: "engine", MaxPending: 4096}, func(d bus.Delivery) { arrived <- d })
			for j := range jobs {
				send([]bus.Message{order("job-" + strconv.Itoa(j))})
			}
			n := 0
			used := cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				turn := []bus.Delivery{<-arrived}
				for len(arrived) > 0 {
					turn = append(turn, <-arrived)
				}
				orders := make([]bus.Message, len(turn))
				for i, d := range turn {
					orders[i] = order(d.Header("job"))
				}
				send(orders)
				for _, d := range turn {
					d.Ack()
				}
				n += len(turn)
			}
			b.ReportMetric(float64(used().Nanoseconds())/1e3/float64(2*n), "cpu-µs/msg")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "transitions/s")
			stopEngine()
			stopWork()
			workers.Wait()
		})
	}
}
