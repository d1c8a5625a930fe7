package mongostore

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/heddlehq/heddle/engine/store"
)

// Members of every stored document beside its fields. The body comes last,
// so that a scan over fields need not step over it.
const (
	revision = "revision"
	body     = "body"
)

// maxDocument is what the server takes.
const maxDocument = 16 << 20

// table is a collection with what is derived from its declaration.
type table struct {
	*store.Collection
	docs   *mongo.Collection
	keys   []string // the member of each field
	unique []int    // the unique fields, by place
}

func newTable(c *store.Collection, docs *mongo.Collection) *table {
	t := &table{Collection: c, docs: docs}
	for i, f := range c.Fields {
		t.keys = append(t.keys, member(f.Name))
		if f.Unique {
			t.unique = append(t.unique, i)
		}
	}
	return t
}

// member returns the name under which a document carries a field. A dot,
// which would mean a path, is written as a colon; what else a name could
// contain that means something to the server, or could make two fields one,
// is written as a percent sign and its code.
func member(field string) string {
	var b strings.Builder
	for i := range len(field) {
		switch c := field[i]; {
		case c == '.':
			b.WriteByte(':')
		case c == ':', c == '$', c == '%', c == 0, i == 0 && c == '_' && field != store.ID:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	if b.String() == revision || b.String() == body {
		return "%" + b.String()
	}
	return b.String()
}

// stored returns the document a write leaves behind.
func (t *table) stored(w store.Write, index []any, rev int64) bson.D {
	d := make(bson.D, 0, len(index)+3)
	d = append(d, bson.E{Key: store.ID, Value: w.ID}, bson.E{Key: revision, Value: rev})
	for i, v := range index {
		if v != nil {
			d = append(d, bson.E{Key: t.keys[i], Value: v})
		}
	}
	return append(d, bson.E{Key: body, Value: bson.Binary{Data: w.Body}})
}

// raised returns the update that stores a write under the next revision of
// whatever is there.
func (t *table) raised(w store.Write, index []any) bson.D {
	set, unset := bson.D{{Key: body, Value: bson.Binary{Data: w.Body}}}, bson.D{}
	for i, v := range index {
		if v == nil {
			unset = append(unset, bson.E{Key: t.keys[i], Value: ""})
		} else {
			set = append(set, bson.E{Key: t.keys[i], Value: v})
		}
	}
	u := bson.D{{Key: "$inc", Value: bson.D{{Key: revision, Value: int64(1)}}}, {Key: "$set", Value: set}}
	if len(unset) > 0 {
		u = append(u, bson.E{Key: "$unset", Value: unset})
	}
	return u
}

// size bounds the bytes of the document a write leaves behind.
func (t *table) size(w store.Write, index []any) int {
	n := len(w.Body) + len(w.ID) + 100
	for i, v := range index {
		n += len(t.keys[i]) + 16
		switch v := v.(type) {
		case string:
			n += len(v)
		case []string:
			for _, e := range v {
				n += len(e) + 16
			}
		}
	}
	return n
}

// plain returns a stored value in the form the port has for it, nil for a
// missing one.
func plain(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeInt64:
		return v.Int64()
	case bson.TypeInt32:
		return int64(v.Int32())
	case bson.TypeDouble:
		return v.Double()
	case bson.TypeBoolean:
		return v.Boolean()
	}
	return nil
}

// document returns a stored document with its body, which it copies.
func document(raw bson.Raw) (store.Doc, error) {
	id, ok := raw.Lookup(store.ID).StringValueOK()
	if !ok {
		return store.Doc{}, fmt.Errorf("%w: a document's identifier is no text", store.ErrCorrupt)
	}
	d := store.Doc{ID: id}
	if d.Revision, ok = raw.Lookup(revision).AsInt64OK(); !ok || d.Revision < 1 {
		return store.Doc{}, fmt.Errorf("%w: document %q has no revision", store.ErrCorrupt, id)
	}
	_, data, ok := raw.Lookup(body).BinaryOK()
	if !ok {
		return store.Doc{}, fmt.Errorf("%w: document %q has no body", store.ErrCorrupt, id)
	}
	d.Body = append([]byte(nil), data...)
	return d, nil
}
