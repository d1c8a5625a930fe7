package mongostore

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/engine/store"
)

func newQueue() *writer {
	w := &writer{}
	w.filled.L = &w.mu
	return w
}

func note(size int) batch { return batch{writes: store.Batch{{Body: make([]byte, size)}}} }

// TestWriter_canceled cancels a request that waits in the queue and one that
// the writer has taken. The test plays the writer.
func TestWriter_canceled(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		taken bool
		want  error
	}{
		"taken":   {true, nil},
		"waiting": {false, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newQueue()
				r := &request{batches: []batch{note(10)}, done: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				result := make(chan error, 1)
				go func() { result <- w.do(ctx, r) }()
				synctest.Wait()
				if tc.taken {
					w.take()
				}
				cancel()
				synctest.Wait()
				close(r.done)
				if err := <-result; !errors.Is(err, tc.want) {
					t.Errorf("result %v, want %v", err, tc.want)
				}
				if len(w.queue) != 0 {
					t.Error("the request is still in the queue")
				}
			})
		})
	}
}

// TestWriter_take bounds what is taken for a transaction and what shares one.
func TestWriter_take(t *testing.T) {
	t.Parallel()
	small := func() *request { return &request{batches: []batch{note(10)}} }
	large := func() *request { return &request{batches: []batch{note(maxBytes)}} }
	for name, tc := range map[string]struct {
		queue []*request
		taken []int // requests
		share []int // batches
	}{
		"all at once":       {[]*request{small(), small(), small()}, []int{3, 0}, []int{3}},
		"large ones apart":  {[]*request{small(), large(), large(), small()}, []int{2, 1, 1, 0}, []int{2, 1, 1}},
		"at most maxShared": {slices.Repeat([]*request{small()}, maxShared+1), []int{maxShared, 1, 0}, []int{maxShared, 1}},
		"many of one":       {[]*request{{batches: slices.Repeat([]batch{note(10)}, maxShared+5)}, small()}, []int{1, 1, 0}, []int{maxShared, 5, 1}},
	} {
		w := newQueue()
		w.queue, w.closed = tc.queue, true
		var taken, shares []int
		for {
			rs := w.take()
			taken = append(taken, len(rs))
			if len(rs) == 0 {
				break
			}
			var bs []*batch
			for _, r := range rs {
				for i := range r.batches {
					bs = append(bs, &r.batches[i])
				}
			}
			for len(bs) > 0 {
				n := share(bs)
				shares = append(shares, n)
				bs = bs[n:]
			}
		}
		if diff := cmp.Diff(tc.taken, taken); diff != "" {
			t.Errorf("%s: taken (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(tc.share, shares); diff != "" {
			t.Errorf("%s: shared (-want +got)\n%s", name, diff)
		}
	}
}
