package payload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// InStore returns payloads whose texts are documents of a store.
func InStore(s store.Store, o Options) *Payloads {
	o = o.withDefaults()
	return New(&stored{store: s, most: o.MaxFamily, sizes: map[string]int64{}}, o)
}

// stored keeps texts in pieces that fit the documents of any store.
type stored struct {
	store store.Store
	most  int64

	mu    sync.Mutex
	sizes map[string]int64 // of the families written to, as far as this process knows
}

// pieceSize is the length of a piece. Its document is up to twice as long.
const pieceSize = 4 << 20

// maxSizes bounds the families remembered.
const maxSizes = 10_000

func pieceID(family, hash string, n int) string {
	return family + "/" + hash + "/" + strconv.Itoa(n)
}

func (b *stored) Get(ctx context.Context, family, hash string) ([]byte, error) {
	var text []byte
	for n, of := 0, 1; n < of; n++ {
		doc, err := b.store.Get(ctx, store.Payloads, pieceID(family, hash, n))
		if errors.Is(err, store.ErrNotFound) {
			return nil, ErrMissing
		}
		if err != nil {
			return nil, err
		}
		v, err := value.ParseLast(doc.Body)
		if err != nil {
			return nil, fmt.Errorf("piece %d: %w: %w", n, store.ErrCorrupt, err)
		}
		if n == 0 {
			pieces, _ := v.Get("pieces").Int()
			of = int(pieces)
		}
		text = append(text, v.Get("text").Text()...)
	}
	return text, nil
}

func (b *stored) Put(ctx context.Context, family string, texts []Text, beyond bool) error {
	size := int64(0)
	for _, t := range texts {
		size += int64(len(t.JSON))
	}
	if err := b.room(ctx, family, size); err != nil && !(beyond && errors.Is(err, store.ErrInvalid)) {
		return err
	}
	var batches []store.Batch
	for _, t := range texts {
		pieces := slices.Collect(cut(t.JSON))
		for n, piece := range pieces {
			batches = append(batches, store.Batch{pieceWrite(family, t.Hash, n, len(pieces), piece)})
		}
	}
	var errs []error
	for _, err := range b.store.Commit(ctx, batches...) {
		if err != nil && !errors.Is(err, store.ErrConflict) { // else it is there already, the same by its name
			errs = append(errs, fmt.Errorf("payload of job %s: %w", family, err))
		}
	}
	return errors.Join(errs...)
}

// room adds to the size of a family, unless it becomes too large.
func (b *stored) room(ctx context.Context, family string, more int64) error {
	b.mu.Lock()
	size, known := b.sizes[family]
	b.mu.Unlock()
	if !known || size+more > b.most {
		buckets, err := b.store.Group(ctx, store.Payloads, store.Grouping{
			Where: store.Where("job", store.Eq, family), Measure: []store.Measure{{Of: store.Sum, Field: "bytes"}},
		})
		if err != nil {
			return fmt.Errorf("size of the payloads of job %s: %w", family, err)
		}
		sum, _ := buckets[0].Measures[0].(float64)
		size = int64(sum)
	}
	if size+more > b.most {
		return &LimitError{fmt.Sprintf("the large values of job %s and its descendants have %d bytes, with %d more than the %d bytes they may have", family, size, more, b.most)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sizes) >= maxSizes {
		clear(b.sizes)
	}
	b.sizes[family] = size + more
	return nil
}

// cut yields pieces of a text, none of which ends within a character.
func cut(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			n := min(len(text), pieceSize)
			for n < len(text) && !utf8.RuneStart(text[n]) {
				n--
			}
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

func pieceWrite(family, hash string, n, of int, piece []byte) store.Write {
	id := pieceID(family, hash, n)
	w := value.Writer{Buf: make([]byte, 0, len(piece)+len(piece)/8+256)}
	w.Open("", '{')
	w.Text("_id", id)
	w.Text("job", family)
	w.Int("bytes", int64(len(piece)))
	w.Int("pieces", int64(of))
	w.Text("text", string(piece))
	w.Close('}')
	return store.Write{Collection: store.Payloads, ID: id, Expect: store.New, Body: w.Buf, Index: []any{family, int64(len(piece))}}
}
