package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"

	"github.com/heddlehq/heddle/engine/store"
)

// condition is an SQL expression under construction with its arguments.
type condition struct {
	table *table
	args  []any
}

// where returns the WHERE clause for a plain filter, empty for none.
func (c *condition) where(f store.Filter) string {
	if f == nil {
		return ""
	}
	return " WHERE " + c.filter(f)
}

// filter returns an expression that is true exactly when the filter holds.
// Otherwise it is false or null, which only Not tells apart: it asks whether
// its inside is true.
func (c *condition) filter(f store.Filter) string {
	switch f := f.(type) {
	case store.And:
		return c.join(f, " AND ", "1")
	case store.Or:
		return c.join(f, " OR ", "0")
	case store.Not:
		if p, ok := f.Filter.(store.Compare); ok && p.Op == store.Exists {
			return quote(p.Field) + " IS NULL"
		}
		return "(" + c.filter(f.Filter) + ") IS NOT TRUE"
	case store.Compare:
		return c.compare(f)
	}
	return "1"
}

func (c *condition) join(fs []store.Filter, op, none string) string {
	parts := make([]string, len(fs))
	for i, f := range fs {
		parts[i] = c.filter(f)
	}
	return balance(parts, op, none)
}

// balance joins the parts as a balanced tree, because SQLite bounds the depth
// of an expression.
func balance(parts []string, op, none string) string {
	switch len(parts) {
	case 0:
		return none
	case 1:
		return parts[0]
	}
	half := len(parts) / 2
	return "(" + balance(parts[:half], op, none) + op + balance(parts[half:], op, none) + ")"
}

func (c *condition) arg(v any) string {
	c.args = append(c.args, v)
	return "?"
}

func (c *condition) compare(p store.Compare) string {
	f := c.table.FieldNamed(p.Field)
	name := quote(p.Field)
	if p.Op == store.Exists {
		return name + " IS NOT NULL"
	}
	if f.Type == store.Texts {
		return c.element(f, p)
	}
	switch p.Op {
	case store.Eq:
		return name + " = " + c.arg(column(p.Value))
	case store.In:
		return name + c.in(p.Value.([]any))
	case store.Lt:
		return name + " < " + c.arg(p.Value)
	case store.Lte:
		return name + " <= " + c.arg(p.Value)
	case store.Gt:
		return name + " > " + c.arg(p.Value)
	case store.Gte:
		return name + " >= " + c.arg(p.Value)
	}
	text := p.Value.(string)
	switch {
	case text == "":
		return name + " IS NOT NULL"
	case p.Op == store.Contains:
		// As blobs, because the driver cuts a function's texts at a NUL.
		return "heddle_contains(CAST(" + name + " AS BLOB), " + c.arg([]byte(text)) + ")"
	case p.Op == store.StartsWith:
		// All texts with the prefix lie between it and the next text of its
		// length. No byte of a valid text is 0xff.
		next := text[:len(text)-1] + string([]byte{text[len(text)-1] + 1})
		return "(" + name + " >= " + c.arg(text) + " AND " + name + " < " + c.arg(next) + ")"
	}
	return fmt.Sprintf("substr(CAST(%s AS BLOB), -%d) = %s", name, len(text), c.arg([]byte(text)))
}

func (c *condition) in(values []any) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = c.arg(column(v))
	}
	return " IN (" + strings.Join(marks, ", ") + ")"
}

// element compares the elements of a set, by its own table if it has one.
func (c *condition) element(f store.Field, p store.Compare) string {
	values := []any{p.Value}
	if p.Op == store.In {
		values = p.Value.([]any)
	}
	for _, s := range c.table.sets {
		if c.table.Fields[s.field].Name == f.Name {
			return "_row IN (SELECT _row FROM " + s.name + " WHERE element" + c.in(values) + ")"
		}
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = "instr(" + quote(f.Name) + ", " + c.arg(markElement(v.(string))) + ") > 0"
	}
	return balance(parts, " OR ", "0")
}

// contains is the SQL function heddle_contains(text, folded) on blobs.
func contains(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	text, ok := args[0].([]byte)
	if !ok {
		return nil, nil
	}
	folded, ok := args[1].([]byte)
	return ok && store.ContainsFold(string(text), string(folded)), nil
}
