package mongostore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/engine/store"
)

// Group implements [store.Store].
func (s *Store) Group(ctx context.Context, collection string, g store.Grouping) ([]store.Bucket, error) {
	t, err := s.table(ctx, collection)
	if err != nil {
		return nil, err
	}
	if g, err = t.CheckGrouping(g); err != nil {
		return nil, err
	}
	where, err := t.filter(g.Where)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out []store.Bucket
	err = t.snapshot(bounded, func(docs *mongo.Collection) error {
		out, err = t.group(bounded, docs, where, g)
		return err
	})
	if err != nil {
		return nil, s.readError(ctx, "group", collection, err)
	}
	return out, nil
}

func (t *table) group(ctx context.Context, docs *mongo.Collection, where bson.D, g store.Grouping) ([]store.Bucket, error) {
	c, err := docs.Aggregate(ctx, t.pipeline(where, g), options.Aggregate().SetAllowDiskUse(true).SetBatchSize(batchSize))
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	var out []store.Bucket
	for c.Next(ctx) {
		out = append(out, t.bucket(c.Current, g))
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	if out == nil && len(g.By) == 0 {
		out = []store.Bucket{t.bucket(nil, g)}
	}
	return out, nil
}

// measureName returns the member that holds a measure, by place.
func measureName(i int) string { return fmt.Sprintf("m%d", i) }

// keyPath returns where the answer has key i of n: as the identifier if it is
// the only one, else within it.
func keyPath(i, n int) []string {
	if n == 1 {
		return []string{store.ID}
	}
	return []string{store.ID, fmt.Sprintf("k%d", i)}
}

func (t *table) pipeline(where bson.D, g store.Grouping) bson.A {
	var keys any
	several, order := bson.D{}, bson.D{}
	for i, k := range g.By {
		path := keyPath(i, len(g.By))
		keys = cut("$"+member(k.Field), k.Unit)
		several = append(several, bson.E{Key: path[len(path)-1], Value: keys})
		order = append(order, bson.E{Key: strings.Join(path, "."), Value: 1})
	}
	if len(several) > 1 {
		keys = several
	}
	group := bson.D{{Key: store.ID, Value: keys}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}
	for i, m := range g.Measure {
		group = append(group, bson.E{Key: measureName(i), Value: bson.D{{Key: "$" + string(m.Of), Value: "$" + member(m.Field)}}})
	}
	out := bson.A{bson.D{{Key: "$match", Value: where}}, bson.D{{Key: "$group", Value: group}}}
	if len(order) > 0 {
		out = append(out, bson.D{{Key: "$sort", Value: order}})
	}
	return out
}

// cut returns an expression that is alike for the times within a unit and
// grows with them: the unit's first millisecond, or the number of the month.
// The remainder of a time before 1970 is negative, hence the sum.
func cut(field string, u store.Unit) any {
	floor := func(ms int64) any {
		rest := bson.D{{Key: "$mod", Value: bson.A{bson.D{{Key: "$add", Value: bson.A{bson.D{{Key: "$mod", Value: bson.A{field, ms}}}, ms}}}, ms}}}
		return bson.D{{Key: "$toLong", Value: bson.D{{Key: "$subtract", Value: bson.A{field, rest}}}}}
	}
	switch u {
	case store.Hour:
		return floor(time.Hour.Milliseconds())
	case store.Day:
		return floor(24 * time.Hour.Milliseconds())
	case store.Month:
		date := bson.D{{Key: "$toDate", Value: field}}
		return bson.D{{Key: "$add", Value: bson.A{
			bson.D{{Key: "$multiply", Value: bson.A{bson.D{{Key: "$year", Value: date}}, 12}}}, bson.D{{Key: "$month", Value: date}}, -1,
		}}}
	}
	return field
}

// bucket reads one document of the answer, or makes the bucket of nothing.
func (t *table) bucket(raw bson.Raw, g store.Grouping) store.Bucket {
	n, _ := raw.Lookup("n").AsInt64OK() // missing over nothing
	b := store.Bucket{Keys: make([]any, len(g.By)), Count: int(n)}
	for i, k := range g.By {
		b.Keys[i] = plain(raw.Lookup(keyPath(i, len(g.By))...))
		if month, ok := b.Keys[i].(int64); ok && k.Unit == store.Month {
			b.Keys[i] = time.Date(int(month/12), time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		}
	}
	for i, m := range g.Measure {
		v := raw.Lookup(measureName(i))
		f, number := v.AsFloat64OK()
		switch {
		case m.Of == store.Sum || m.Of == store.Avg && number:
			b.Measures = append(b.Measures, f)
		default:
			b.Measures = append(b.Measures, plain(v))
		}
	}
	return b
}
