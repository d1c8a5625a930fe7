package mongostore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// format numbers the layout of the database. A later layout raises it and
// brings older databases up to it.
const format = 1

// records is the collection that remembers which fields the documents of
// each collection carry.
const records = "heddle_schema"

// record is a document of records.
type record struct {
	Collection string            `bson:"_id"`
	Format     int               `bson:"format"`
	Fields     map[string]string `bson:"fields"` // type by member
}

func (t *table) record() record {
	r := record{t.Name, format, map[string]string{}}
	for i, f := range t.Fields {
		r.Fields[t.keys[i]] = f.Type.String()
	}
	return r
}

// migrate brings a collection, its indexes and its documents up to the
// declaration. It may be cut short and begun again, also by several servers
// at once; the record of what is done is written last.
func (t *table) migrate(ctx context.Context) error {
	var before record
	err := t.records().FindOne(ctx, bson.D{{Key: store.ID, Value: t.Name}}).Decode(&before)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
	case err != nil:
		return err
	case before.Format > format:
		return fmt.Errorf("written by a newer version: format %d, this one knows %d", before.Format, format)
	}
	if err := t.create(ctx); err != nil {
		return err
	}
	if err := t.dropIndexes(ctx); err != nil {
		return err
	}
	now := t.record()
	var added []int
	for i := range t.Fields {
		if before.Fields[t.keys[i]] != now.Fields[t.keys[i]] {
			added = append(added, i)
		}
	}
	if err := t.backfill(ctx, added); err != nil {
		return err
	}
	if err := t.addIndexes(ctx); err != nil {
		return err
	}
	if before.Format == format && maps.Equal(before.Fields, now.Fields) {
		return nil
	}
	_, err = t.records().ReplaceOne(ctx, bson.D{{Key: store.ID, Value: t.Name}}, now, options.Replace().SetUpsert(true))
	return err
}

func (t *table) records() *mongo.Collection {
	return t.docs.Database().Collection(records, concerns())
}

// create makes the collection where there is none, because a transaction
// should not have to. One that somebody made with an order of texts of its
// own is refused.
func (t *table) create(ctx context.Context) error {
	found, err := t.docs.Database().ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: t.Name}})
	if err != nil {
		return err
	}
	for _, c := range found {
		if c.Name == t.Name {
			if _, err := c.Options.LookupErr("collation"); err == nil {
				return errors.New("it was created with a collation, but texts must be ordered by their bytes")
			}
			return nil
		}
	}
	err = t.docs.Database().CreateCollection(ctx, t.Name)
	if e, ok := errors.AsType[mongo.ServerError](err); ok && e.HasErrorCode(48) { // NamespaceExists: another server was faster
		return nil
	}
	return err
}

// index is one as the server describes it.
type index struct {
	Name    string `bson:"name"`
	Key     bson.D `bson:"key"`
	Unique  bool   `bson:"unique,omitempty"`
	Sparse  bool   `bson:"sparse,omitempty"`
	Partial bson.D `bson:"partialFilterExpression,omitempty"`
}

// Prefixes of the names of our indexes. The rest of the name says all there
// is to the index, so one that changes gets another name. Indexes under other
// names are the operator's own and left alone.
const (
	uniquePrefix = "heddle:unique:"
	byPrefix     = "heddle:by:"
)

// indexes returns the declared indexes by name.
func (t *table) indexes() map[string]index {
	out := map[string]index{}
	for _, u := range t.unique {
		x := index{Name: uniquePrefix + t.keys[u] + " " + t.Fields[u].Type.String(), Unique: true, Sparse: true}
		x.Key = bson.D{{Key: t.keys[u], Value: int32(1)}}
		out[x.Name] = x
	}
	for _, decl := range t.Indexes {
		x := index{}
		var names []string
		for _, f := range decl.Fields {
			names = append(names, member(f))
			x.Key = append(x.Key, bson.E{Key: member(f), Value: int32(1)})
		}
		x.Name = byPrefix + strings.Join(names, ",")
		if t.FieldNamed(decl.Fields[0]).Type != store.Texts {
			x.Key = append(x.Key, bson.E{Key: store.ID, Value: int32(1)})
		}
		if decl.Sparse {
			x.Name += " sparse"
			x.Partial = bson.D{{Key: names[0], Value: bson.D{{Key: "$exists", Value: true}}}}
		}
		out[x.Name] = x
	}
	return out
}

func (x index) model() mongo.IndexModel {
	o := options.Index().SetName(x.Name)
	if x.Unique {
		o.SetUnique(true)
	}
	if x.Sparse {
		o.SetSparse(true)
	}
	if x.Partial != nil {
		o.SetPartialFilterExpression(x.Partial)
	}
	return mongo.IndexModel{Keys: x.Key, Options: o}
}

// same reports whether the server's index is the declared one.
func (x index) same(y index) bool {
	return x.Unique == y.Unique && x.Sparse == y.Sparse && fmt.Sprint(x.Key) == fmt.Sprint(y.Key) &&
		fmt.Sprint(x.Partial) == fmt.Sprint(y.Partial)
}

// dropIndexes removes our indexes that are no longer declared or are not what
// their name says.
func (t *table) dropIndexes(ctx context.Context) error {
	c, err := t.docs.Indexes().List(ctx)
	if err != nil {
		return err
	}
	var found []index
	if err := c.All(ctx, &found); err != nil {
		return err
	}
	declared := t.indexes()
	for _, x := range found {
		ours := strings.HasPrefix(x.Name, uniquePrefix) || strings.HasPrefix(x.Name, byPrefix)
		if d, ok := declared[x.Name]; !ours || ok && d.same(x) {
			continue
		}
		err := t.docs.Indexes().DropOne(ctx, x.Name)
		if e, ok := errors.AsType[mongo.ServerError](err); ok && e.HasErrorCode(27) { // IndexNotFound: another server was faster
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *table) addIndexes(ctx context.Context) error {
	declared := t.indexes()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, err := t.docs.Indexes().CreateOne(ctx, declared[name].model()); err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
	}
	return nil
}

// backfill computes the values of new fields from the stored bodies. A body
// that is no JSON document has none.
func (t *table) backfill(ctx context.Context, added []int) error {
	if len(added) == 0 {
		return nil
	}
	show := bson.D{{Key: revision, Value: 1}, {Key: body, Value: 1}}
	c, err := t.docs.Find(ctx, bson.D{}, options.Find().SetProjection(show).SetSort(bson.D{{Key: store.ID, Value: 1}}).SetBatchSize(100))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for c.Next(ctx) {
		doc, err := document(c.Current)
		if err != nil {
			return err
		}
		if err := t.fill(ctx, doc, added); err != nil {
			return fmt.Errorf("document %q: %w", doc.ID, err)
		}
	}
	return c.Err()
}

// fill sets the new fields of one document, again when another server wrote
// it meanwhile: that one may be of an older version and not know them.
func (t *table) fill(ctx context.Context, doc store.Doc, added []int) error {
	for {
		parsed, _ := value.ParseLast(doc.Body) // absent when it does not parse
		values := t.IndexOf(parsed)
		set, unset := bson.D{}, bson.D{}
		for _, i := range added {
			if values[i] == nil {
				unset = append(unset, bson.E{Key: t.keys[i], Value: ""})
			} else {
				set = append(set, bson.E{Key: t.keys[i], Value: values[i]})
			}
		}
		var update bson.D
		if len(set) > 0 {
			update = append(update, bson.E{Key: "$set", Value: set})
		}
		if len(unset) > 0 {
			update = append(update, bson.E{Key: "$unset", Value: unset})
		}
		res, err := t.docs.UpdateOne(ctx, bson.D{{Key: store.ID, Value: doc.ID}, {Key: revision, Value: doc.Revision}}, update)
		if err != nil || res.MatchedCount == 1 {
			return err
		}
		raw, err := t.docs.FindOne(ctx, bson.D{{Key: store.ID, Value: doc.ID}}).Raw()
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		if err == nil {
			doc, err = document(raw)
		}
		if err != nil {
			return err
		}
	}
}
