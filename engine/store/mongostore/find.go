package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"

	"github.com/heddlehq/heddle/engine/store"
)

// batchSize is how many documents come with one answer of the server, unless
// they fill it.
const batchSize = 1000

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	t, err := s.table(ctx, collection)
	if err != nil {
		return store.Doc{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	show := bson.D{{Key: revision, Value: 1}, {Key: body, Value: 1}}
	raw, err := t.docs.FindOne(bounded, bson.D{{Key: store.ID, Value: id}}, options.FindOne().SetProjection(show)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return store.Doc{}, fmt.Errorf("%s %q: %w", collection, id, store.ErrNotFound)
	}
	var doc store.Doc
	if err == nil {
		doc, err = document(raw)
	}
	if err != nil {
		return store.Doc{}, s.readError(ctx, "get", collection, err)
	}
	return doc, nil
}

func (s *Store) table(ctx context.Context, collection string) (*table, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	if _, err := s.schema.Collection(collection); err != nil {
		return nil, err
	}
	return s.tables[collection], ctx.Err()
}

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	t, err := s.table(ctx, collection)
	if err != nil {
		return store.Page{}, err
	}
	if q, err = t.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	where, err := t.filter(q.Where)
	if err != nil {
		return store.Page{}, err
	}
	within, err := t.filter(t.behind(q))
	if err != nil {
		return store.Page{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var p store.Page
	if q.NoTotal {
		err = t.snapshot(bounded, func(docs *mongo.Collection) error {
			p, err = t.page(bounded, docs, within, q)
			return err
		})
	} else {
		// In a transaction, so that total and page are of one moment.
		err = s.writer.transact(bounded, func(ctx context.Context) error {
			if p, err = t.page(ctx, t.docs, within, q); err != nil {
				return err
			}
			if q.Limit == 0 && q.Skip == 0 && q.After == nil {
				p.Total = len(p.Docs)
				return nil
			}
			p.Total, err = t.total(ctx, where)
			return err
		})
	}
	if err != nil {
		return store.Page{}, s.readError(ctx, "find", collection, err)
	}
	return p, nil
}

// behind returns the filter for what is selected and lies behind the cursor.
func (t *table) behind(q store.Query) store.Filter {
	rest := q.Rest()
	switch {
	case rest == nil:
		return q.Where
	case q.Where == nil:
		return rest
	}
	return store.And{q.Where, rest}
}

// snapshotUnavailable is the code of a moment that can be read only later,
// as after an index was created.
const snapshotUnavailable = 246

// snapshot calls f with the collection as of one moment, for one request
// outside of a transaction, however many answers it takes.
func (t *table) snapshot(ctx context.Context, f func(*mongo.Collection) error) error {
	docs := t.docs.Clone(options.Collection().SetReadConcern(readconcern.Snapshot()))
	passing := func(err error) bool {
		e, ok := errors.AsType[mongo.ServerError](err)
		return ok && e.HasErrorCode(snapshotUnavailable)
	}
	return again(ctx, passing, func() error { return f(docs) })
}

// total counts all matches. Over all documents it reads the identifiers'
// index instead of the documents.
func (t *table) total(ctx context.Context, where bson.D) (int, error) {
	o := options.Aggregate()
	if len(where) == 0 {
		o.SetHint(bson.D{{Key: store.ID, Value: 1}})
	}
	c, err := t.docs.Aggregate(ctx, bson.A{
		bson.D{{Key: "$match", Value: where}},
		bson.D{{Key: "$group", Value: bson.D{{Key: store.ID, Value: nil}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
	}, o)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	if !c.Next(ctx) {
		return 0, c.Err()
	}
	n, _ := c.Current.Lookup("n").AsInt64OK() // it is a count
	return int(n), nil
}

func (t *table) page(ctx context.Context, docs *mongo.Collection, within bson.D, q store.Query) (p store.Page, err error) {
	order, show := bson.D{}, bson.D{{Key: revision, Value: 1}, {Key: body, Value: 1}}
	for _, o := range q.Sort {
		direction := 1
		if o.Desc {
			direction = -1
		}
		order = append(order, bson.E{Key: member(o.Field), Value: direction})
		if o.Field != store.ID {
			show = append(show, bson.E{Key: member(o.Field), Value: 1})
		}
	}
	o := options.Find().SetSort(order).SetProjection(show).SetSkip(int64(q.Skip)).SetBatchSize(batchSize).SetAllowDiskUse(true)
	if q.Limit > 0 {
		o.SetLimit(int64(q.Limit) + 1) // one more tells whether there is a next page
	}
	c, err := docs.Find(ctx, within, o)
	if err != nil {
		return p, err
	}
	defer c.Close(ctx)
	for c.Next(ctx) {
		if q.Limit > 0 && len(p.Docs) == q.Limit {
			return p, nil
		}
		doc, err := document(c.Current)
		if err != nil {
			return p, err
		}
		p.Docs = append(p.Docs, doc)
		if len(p.Docs) == q.Limit {
			p.Next = t.cursor(c.Current, q.Sort)
		}
	}
	p.Next = nil // this was the last page
	return p, c.Err()
}

// cursor returns the place of a document in the order.
func (t *table) cursor(raw bson.Raw, sort []store.Order) store.Cursor {
	out := make(store.Cursor, len(sort))
	for i, o := range sort {
		out[i] = plain(raw.Lookup(member(o.Field)))
	}
	return out
}
