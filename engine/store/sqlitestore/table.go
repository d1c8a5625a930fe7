package sqlitestore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
)

// table is a collection in SQL. The searchable columns and the bodies are two
// tables with the same row numbers, so that filters and counts read small
// dense rows, unless the collection is inline: then the body is one more
// column. A Texts field with an index has a table of its own, by element.
//
// A field is hot when an index holds it. The column _hot fingerprints the hot
// values, which tells a write whether it may leave all indexes alone.
type table struct {
	*store.Collection
	hot    []bool   // by field
	sets   []setAt  // indexed Texts fields
	unique []uniqAt // unique fields

	name, bodies string // quoted
	layout       uint64 // digests the fields
	place        int    // of the collection in [memtable.touched]; its fields follow

	guard, revision, get               string
	insert, insertBody                 string // insertBody is empty where it is inline
	updateAll, updateCold, updateBody  string
	deleteRow, deleteBody, fetchBodies string // deleteBody is empty where it is inline

	updates map[string]string // by the columns that change
}

type setAt struct {
	field                          int
	name, load, insert, deleteItem string
}

type uniqAt struct {
	field int
	other string
}

func newTable(c *store.Collection) *table {
	t := &table{Collection: c, hot: make([]bool, len(c.Fields)), updates: map[string]string{}, layout: layoutOf(c)}
	t.name, t.bodies = quote(c.Name), quote(c.Name+":body")
	if c.Inline {
		t.bodies = t.name
	}
	for i, f := range c.Fields {
		t.hot[i] = f.Unique || slices.ContainsFunc(c.Indexes, func(x store.Index) bool {
			return slices.Contains(x.Fields, f.Name)
		})
		if f.Unique {
			t.unique = append(t.unique, uniqAt{i, fmt.Sprintf(
				"SELECT _id FROM %s WHERE %s = ? AND _id <> ? LIMIT 1", t.name, quote(f.Name))})
		}
		if t.hot[i] && f.Type == store.Texts {
			set := quote(setName(c, f))
			t.sets = append(t.sets, setAt{
				field:      i,
				name:       set,
				load:       fmt.Sprintf("SELECT %s FROM %s WHERE _row = ?", quote(f.Name), t.name),
				insert:     fmt.Sprintf("INSERT INTO %s(element, _row) VALUES (?, ?)", set),
				deleteItem: fmt.Sprintf("DELETE FROM %s WHERE element = ? AND _row = ?", set),
			})
		}
	}
	t.statements()
	return t
}

func (t *table) statements() {
	columns, all, cold := "", "", ""
	for i, f := range t.Fields {
		columns += ", " + quote(f.Name)
		all += ", " + quote(f.Name) + " = ?"
		if !t.hot[i] {
			cold += ", " + quote(f.Name) + " = ?"
		}
	}
	marks := strings.Repeat(", ?", len(t.Fields))
	t.guard = "SELECT _row, _revision, _hot FROM " + t.name + " WHERE _id = ?"
	t.revision = "SELECT _revision FROM " + t.name + " WHERE _id = ?"
	t.get = "SELECT _revision, body FROM " + t.name + " JOIN " + t.bodies + " USING (_row) WHERE _id = ?"
	t.insert = "INSERT INTO " + t.name + "(_id, _revision, _hot" + columns + ") VALUES (?, ?, ?" + marks + ") ON CONFLICT (_id) DO NOTHING"
	t.insertBody = "INSERT INTO " + t.bodies + "(_row, body) VALUES (?, ?)"
	t.updateAll = "UPDATE " + t.name + " SET _revision = ?, _hot = ?" + all + " WHERE _row = ?"
	t.updateCold = "UPDATE " + t.name + " SET _revision = ?" + cold + " WHERE _row = ?"
	t.updateBody = "UPDATE " + t.bodies + " SET body = ? WHERE _row = ?"
	t.deleteRow = "DELETE FROM " + t.name + " WHERE _row = ?"
	t.deleteBody = "DELETE FROM " + t.bodies + " WHERE _row = ?"
	t.fetchBodies = "SELECT _row, body FROM " + t.bodies + " WHERE _row IN "
	if t.Inline {
		t.get = "SELECT _revision, body FROM " + t.name + " WHERE _id = ?"
		t.insert = "INSERT INTO " + t.name + "(_id, _revision, _hot" + columns + ", body) VALUES (?, ?, ?" + marks + ", ?) ON CONFLICT (_id) DO NOTHING"
		t.insertBody, t.deleteBody = "", ""
	}
}

// changing returns the statement that brings the fields named by the mask, a
// byte a field, up to date, or nothing when there are too many of them. The
// columns it leaves out keep their indexes as they are.
func (t *table) changing(mask []byte) string {
	if q, ok := t.updates[string(mask)]; ok {
		return q
	}
	if len(t.updates) >= 100 {
		return ""
	}
	q := "UPDATE " + t.name + " SET _revision = ?, _hot = ?"
	for i, changed := range mask {
		if changed != 0 {
			q += ", " + quote(t.Fields[i].Name) + " = ?"
		}
	}
	q += " WHERE _row = ?"
	t.updates[string(mask)] = q
	return q
}

// fingerprint digests the hot values and which fields they belong to.
func (t *table) fingerprint(index []any) int64 {
	b := make([]byte, 0, 512)
	for i, v := range index {
		if t.hot[i] {
			b = digest(digest(b, t.Fields[i].Name), v)
		}
	}
	sum := sha256.Sum256(b)
	return int64(binary.LittleEndian.Uint64(sum[:8]))
}

// digest appends a value in a form that tells all values apart.
func digest(b []byte, v any) []byte {
	number := func(kind byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(append(b, kind), n) }
	switch v := v.(type) {
	case string:
		return append(number('t', uint64(len(v))), v...)
	case []string:
		s := joinSet(v)
		return append(number('t', uint64(len(s))), s...)
	case int64:
		return number('i', uint64(v))
	case float64:
		return number('f', math.Float64bits(v))
	case bool:
		return number('i', uint64(column(v).(int64)))
	}
	return number(0, 0)
}

// column returns a normal index value as it is stored.
func column(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case []string:
		return joinSet(v)
	}
	return v
}

// plain is the inverse of column for all types but Texts.
func plain(f store.Field, v any) any {
	if n, ok := v.(int64); ok && f.Type == store.Bool {
		return n != 0
	}
	return v
}

// A set is stored as one text in which each element stands between two marks,
// so that one substring search finds an element. The marks and the escape
// sign are escaped inside of elements.
const (
	setOpen, setClose, setEscape = "\x1e", "\x1f", "\x1b"
)

var (
	escapeElement   = strings.NewReplacer(setEscape, setEscape+"e", setOpen, setEscape+"o", setClose, setEscape+"c")
	unescapeElement = strings.NewReplacer(setEscape+"e", setEscape, setEscape+"o", setOpen, setEscape+"c", setClose)
)

func joinSet(set []string) string {
	var b strings.Builder
	for _, e := range set {
		b.WriteString(markElement(e))
	}
	return b.String()
}

func markElement(e string) string { return setOpen + escapeElement.Replace(e) + setClose }

func splitSet(v any) []string {
	s, _ := v.(string) // nil is the empty set
	if s == "" {
		return nil
	}
	parts := strings.Split(s[len(setOpen):len(s)-len(setClose)], setClose+setOpen)
	for i, p := range parts {
		parts[i] = unescapeElement.Replace(p)
	}
	return parts
}

func setName(c *store.Collection, f store.Field) string { return c.Name + ":set:" + f.Name }

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
