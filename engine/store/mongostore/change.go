package mongostore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/engine/store"
)

// change is one write on its way to the server.
type change struct {
	*table
	store.Write
	index []any
	// from is the revision to replace, New or Any: what the write expects or,
	// once it is known, what is stored.
	from int64
}

// guard selects the document the change may replace.
func (c change) guard() bson.D {
	if c.from == store.Any {
		return bson.D{{Key: store.ID, Value: c.ID}}
	}
	return bson.D{{Key: store.ID, Value: c.ID}, {Key: revision, Value: c.from}}
}

func (c change) model() mongo.WriteModel {
	switch {
	case c.Body == nil:
		return mongo.NewDeleteOneModel().SetFilter(c.guard())
	case c.from == store.New:
		return mongo.NewInsertOneModel().SetDocument(c.stored(c.Write, c.index, store.Revision(store.New)))
	case c.from == store.Any:
		return mongo.NewUpdateOneModel().SetFilter(c.guard()).SetUpdate(c.raised(c.Write, c.index)).SetUpsert(true)
	}
	return mongo.NewReplaceOneModel().SetFilter(c.guard()).SetReplacement(c.stored(c.Write, c.index, store.Revision(c.from)))
}

// careless reports whether the change may well find nothing to do.
func (c change) careless() bool { return c.Body == nil && c.from == store.Any }

// write makes the change by itself, durably.
func (c change) write(ctx context.Context) error { return run{c}.write(ctx) }

// run is a list of changes to one collection that are one request to the
// server, in order. Careless ones come alone: their effect cannot be counted
// on.
type run []change

// write makes the changes. It returns errGuard when one did not find the
// document it was to replace; only a transaction undoes the others then.
func (r run) write(ctx context.Context) error {
	models := make([]mongo.WriteModel, len(r))
	for i, c := range r {
		models[i] = c.model()
	}
	res, err := r[0].docs.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(true))
	if err != nil {
		return err
	}
	if done := res.InsertedCount + res.MatchedCount + res.UpsertedCount + res.DeletedCount; done != int64(len(r)) && !r[0].careless() {
		return errGuard
	}
	return nil
}

func writeAll(ctx context.Context, rs []run) error {
	for _, r := range rs {
		if err := r.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// inOrder cuts the changes into runs without moving any.
func inOrder(list []change) []run {
	var out []run
	for i, c := range list {
		if i > 0 && c.table == list[i-1].table && c.careless() == list[i-1].careless() {
			out[len(out)-1] = append(out[len(out)-1], c)
		} else {
			out = append(out, run{c})
		}
	}
	return out
}

// apart cuts changes whose order does not matter into as few runs as can be,
// each with what is alike in it side by side.
func apart(list []change) []run {
	type kind struct {
		*table
		careless bool
	}
	var kinds []kind
	runs := map[kind]*[3]run{}
	for _, c := range list {
		k := kind{c.table, c.careless()}
		if runs[k] == nil {
			runs[k] = new([3]run)
			kinds = append(kinds, k)
		}
		part := 1
		switch {
		case c.Body == nil:
			part = 2
		case c.from == store.New:
			part = 0
		}
		runs[k][part] = append(runs[k][part], c)
	}
	var out []run
	for _, k := range kinds {
		var all run
		for _, r := range runs[k] {
			all = append(all, r...)
		}
		out = append(out, all)
	}
	return out
}
