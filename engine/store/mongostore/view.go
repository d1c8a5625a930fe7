package mongostore

import (
	"context"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/engine/store"
)

// view is what guards look at, as of the moment of a transaction, and as the
// batches tried on it leave it behind.
type view struct {
	revisions map[place]int64 // of documents that are there
	holders   map[claim]string
	held      map[place][]claim
}

// place is where a document is or may be.
type place struct {
	*table
	id string
}

// claim is the value of a unique field, which one document may have.
type claim struct {
	*table
	field int
	v     any
}

// look reads what the guards of the batches need to know.
func (w *writer) look(ctx context.Context, bs []*batch) (*view, error) {
	wanted := map[*table]map[string]bool{}
	uniques := map[claim]bool{}
	for _, b := range bs {
		for i, wr := range b.writes {
			t := w.tables[wr.Collection]
			if wanted[t] == nil {
				wanted[t] = map[string]bool{}
			}
			wanted[t][wr.ID] = true
			for _, u := range taken(t, wr, b.index[i]) {
				uniques[u] = true
			}
		}
	}
	v := &view{revisions: map[place]int64{}, holders: map[claim]string{}, held: map[place][]claim{}}
	for t, ids := range wanted {
		if err := v.read(ctx, t, store.ID, anys(slices.Sorted(maps.Keys(ids)))); err != nil {
			return nil, err
		}
		for _, f := range t.unique {
			var vs []any
			for u := range uniques {
				if u.table == t && u.field == f {
					vs = append(vs, u.v)
				}
			}
			if len(vs) == 0 {
				continue
			}
			if err := v.read(ctx, t, t.keys[f], vs); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, t := range texts {
		out[i] = t
	}
	return out
}

// taken returns the values a write takes in unique fields.
func taken(t *table, wr store.Write, index []any) []claim {
	var out []claim
	for _, f := range t.unique {
		if wr.Body != nil && index[f] != nil {
			out = append(out, claim{t, f, index[f]})
		}
	}
	return out
}

// read takes the documents into the view whose member has one of the values.
func (v *view) read(ctx context.Context, t *table, key string, values []any) error {
	show := bson.D{{Key: revision, Value: 1}}
	for _, f := range t.unique {
		show = append(show, bson.E{Key: t.keys[f], Value: 1})
	}
	c, err := t.docs.Find(ctx, bson.D{{Key: key, Value: bson.D{{Key: "$in", Value: bson.A(values)}}}},
		options.Find().SetProjection(show).SetBatchSize(int32(len(values)+1)))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for c.Next(ctx) {
		id, ok := c.Current.Lookup(store.ID).StringValueOK()
		rev, known := c.Current.Lookup(revision).AsInt64OK()
		if !ok || !known {
			return store.ErrCorrupt
		}
		p := place{t, id}
		if v.revisions[p] != 0 {
			continue // both by its identifier and by a value
		}
		var own []claim
		for _, f := range t.unique {
			if x := plain(c.Current.Lookup(t.keys[f])); x != nil {
				own = append(own, claim{t, f, x})
			}
		}
		v.put(p, rev, own)
	}
	return c.Err()
}

// put makes a document what it now is; revision 0 takes it away.
func (v *view) put(p place, rev int64, own []claim) {
	for _, u := range v.held[p] {
		delete(v.holders, u)
	}
	delete(v.revisions, p)
	delete(v.held, p)
	if rev == 0 {
		return
	}
	v.revisions[p] = rev
	v.held[p] = own
	for _, u := range own {
		v.holders[u] = p.id
	}
}

// try applies a batch to the view and returns its changes, each with the
// revision it meets, or the conflict that keeps it from being stored and
// leaves the view as it was.
func (v *view) try(tables map[string]*table, b *batch) (list []change, conflict error) {
	var undo []func()
	for i, wr := range b.writes {
		t := tables[wr.Collection]
		p := place{t, wr.ID}
		rev, own := v.revisions[p], v.held[p]
		if conflict := v.guard(p, wr, taken(t, wr, b.index[i])); conflict != nil {
			for _, u := range slices.Backward(undo) {
				u()
			}
			return nil, conflict
		}
		undo = append(undo, func() { v.put(p, rev, own) })
		switch {
		case wr.Body != nil:
			v.put(p, store.Revision(rev), taken(t, wr, b.index[i]))
		case rev == 0:
			continue // nothing to delete
		default:
			v.put(p, 0, nil)
		}
		list = append(list, change{t, wr, b.index[i], rev})
	}
	return list, nil
}

// guard returns the conflict a write meets, nil if there is none.
func (v *view) guard(p place, wr store.Write, values []claim) error {
	rev := v.revisions[p]
	conflict := &store.Conflict{Collection: wr.Collection, ID: wr.ID, Stored: rev}
	switch {
	case wr.Expect == store.New && rev != 0:
		conflict.Reason = store.AlreadyExists
		return conflict
	case wr.Expect > 0 && wr.Expect != rev:
		conflict.Reason = store.StaleRevision
		return conflict
	}
	for _, u := range values {
		if holder, ok := v.holders[u]; ok && holder != wr.ID {
			conflict.Reason, conflict.Field = store.NotUnique, u.Fields[u.field].Name
			return conflict
		}
	}
	return nil
}
