package sqlitestore

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// format numbers the layout of the file. A later layout raises it and brings
// older files up to it.
const format = 3

// migrate brings the file's tables, columns and indexes up to the
// declarations, all or nothing, and computes new columns from the bodies. It returns the number
// of the journal's last record that stands in the tables.
func migrate(c *conn, tables []*table) (applied uint64, err error) {
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_, _ = c.exec("ROLLBACK") // the first error says more
		}
	}()
	var found int64
	if err := c.each("PRAGMA user_version", nil, func(row []driver.Value) error {
		found, _ = row[0].(int64)
		return nil
	}); err != nil {
		return 0, err
	}
	if found > format {
		return 0, fmt.Errorf("written by a newer version: format %d, this one knows %d", found, format)
	}
	for _, q := range []string{
		fmt.Sprintf("PRAGMA user_version = %d", format),
		`CREATE TABLE IF NOT EXISTS "heddle:journal" (applied INTEGER NOT NULL)`,
		`INSERT INTO "heddle:journal" SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM "heddle:journal")`,
		`CREATE TABLE IF NOT EXISTS "heddle:counts" (collection TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID`,
		`CREATE TABLE IF NOT EXISTS "heddle:fields" (collection TEXT, field TEXT, type TEXT NOT NULL, PRIMARY KEY (collection, field)) WITHOUT ROWID`,
	} {
		if _, err := c.exec(q); err != nil {
			return 0, err
		}
	}
	for _, t := range tables {
		if err := t.migrate(c); err != nil {
			return 0, fmt.Errorf("collection %q: %w", t.Name, err)
		}
	}
	if err := c.each(`SELECT applied FROM "heddle:journal"`, nil, func(row []driver.Value) error {
		n, _ := row[0].(int64)
		applied = uint64(n)
		return nil
	}); err != nil {
		return 0, err
	}
	_, err = c.exec("COMMIT")
	return applied, err
}

func (t *table) migrate(c *conn) error {
	if err := t.create(c); err != nil {
		return err
	}
	if _, err := c.exec(`INSERT INTO "heddle:counts" VALUES (?, 0) ON CONFLICT DO NOTHING`, t.Name); err != nil {
		return err
	}
	if err := t.dropIndexes(c); err != nil {
		return err
	}
	added, err := t.addColumns(c)
	if err != nil {
		return err
	}
	if err := t.backfill(c, added); err != nil {
		return err
	}
	if err := t.addSets(c); err != nil {
		return err
	}
	return t.addIndexes(c)
}

// create makes the table and the one of its bodies, and moves the bodies of an
// older file to where they belong.
func (t *table) create(c *conn) error {
	apart := quote(t.Name + ":body")
	body := ""
	if t.Inline {
		body = ", body BLOB"
	}
	if _, err := c.exec("CREATE TABLE IF NOT EXISTS " + t.name + " (_row INTEGER PRIMARY KEY, _id TEXT NOT NULL UNIQUE, _revision INTEGER NOT NULL, _hot INTEGER NOT NULL" + body + ")"); err != nil {
		return err
	}
	if !t.Inline {
		_, err := c.exec("CREATE TABLE IF NOT EXISTS " + apart + " (_row INTEGER PRIMARY KEY, body BLOB NOT NULL)")
		return err
	}
	found, err := c.texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = ?", t.Name+":body")
	if err != nil || len(found) == 0 {
		return err
	}
	for _, q := range []string{
		"ALTER TABLE " + t.name + " ADD COLUMN body BLOB",
		"UPDATE " + t.name + " SET body = (SELECT b.body FROM " + apart + " b WHERE b._row = " + t.name + "._row)",
		"DROP TABLE " + apart,
	} {
		if _, err := c.exec(q); err != nil {
			return err
		}
	}
	return nil
}

// indexes returns the declared indexes as statements by name. The name says
// all there is to an index, so one that changes gets another.
func (t *table) indexes() map[string]string {
	out := map[string]string{}
	for _, u := range t.unique {
		f := t.Fields[u.field].Name
		name := t.Name + ":unique:" + f
		out[name] = fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s(%s)", quote(name), t.name, quote(f))
	}
	for _, x := range t.Indexes {
		if t.FieldNamed(x.Fields[0]).Type == store.Texts {
			continue // has a table by element
		}
		name := t.Name + ":by:" + strings.Join(x.Fields, ",")
		columns, where := "", ""
		for _, f := range x.Fields {
			columns += quote(f) + ", "
		}
		if x.Sparse {
			name += ":sparse"
			where = " WHERE " + quote(x.Fields[0]) + " IS NOT NULL"
		}
		out[name] = fmt.Sprintf("CREATE INDEX %s ON %s(%s_id)%s", quote(name), t.name, columns, where)
	}
	return out
}

// dropIndexes removes indexes that are no longer declared.
func (t *table) dropIndexes(c *conn) error {
	names, err := c.texts("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", t.Name)
	if err != nil {
		return err
	}
	declared := t.indexes()
	for _, name := range names {
		if declared[name] != "" {
			continue
		}
		if _, err := c.exec("DROP INDEX " + quote(name)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) addIndexes(c *conn) error {
	for _, q := range t.indexes() {
		q = strings.Replace(q, " INDEX ", " INDEX IF NOT EXISTS ", 1)
		if _, err := c.exec(q); err != nil {
			return err
		}
	}
	return nil
}

// addColumns makes the columns what the fields are and returns which fields
// are new or have a new type.
func (t *table) addColumns(c *conn) (added []int, err error) {
	columns, err := c.texts("SELECT name FROM pragma_table_info(?)", t.Name)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	if err := c.each(`SELECT field, type FROM "heddle:fields" WHERE collection = ?`, []any{t.Name},
		func(row []driver.Value) error {
			known[row[0].(string)] = row[1].(string)
			return nil
		}); err != nil {
		return nil, err
	}
	for i, f := range t.Fields {
		if known[f.Name] == f.Type.String() {
			delete(known, f.Name)
			continue
		}
		if slices.Contains(columns, f.Name) {
			if err := t.forget(c, f.Name); err != nil {
				return nil, err
			}
		}
		if _, err := c.exec(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", t.name, quote(f.Name), affinity(f.Type))); err != nil {
			return nil, err
		}
		if _, err := c.exec(`INSERT INTO "heddle:fields" VALUES (?, ?, ?)`, t.Name, f.Name, f.Type.String()); err != nil {
			return nil, err
		}
		delete(known, f.Name)
		added = append(added, i)
	}
	for gone := range known {
		if err := t.forget(c, gone); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// forget drops a field's column and what was built on it.
func (t *table) forget(c *conn, field string) error {
	for name, q := range t.indexes() {
		if strings.Contains(q, quote(field)) {
			if _, err := c.exec("DROP INDEX IF EXISTS " + quote(name)); err != nil {
				return err
			}
		}
	}
	for _, q := range []string{
		"DROP TABLE IF EXISTS " + quote(setName(t.Collection, store.Field{Name: field})),
		"ALTER TABLE " + t.name + " DROP COLUMN " + quote(field),
	} {
		if _, err := c.exec(q); err != nil {
			return err
		}
	}
	_, err := c.exec(`DELETE FROM "heddle:fields" WHERE collection = ? AND field = ?`, t.Name, field)
	return err
}

func affinity(t store.Type) string {
	switch t {
	case store.Number:
		return "NUMERIC"
	case store.Time, store.Bool:
		return "INTEGER"
	}
	return "TEXT"
}

// backfill computes the values of new fields from the stored bodies. A body
// that is no JSON document has none.
func (t *table) backfill(c *conn, added []int) error {
	if len(added) == 0 {
		return nil
	}
	var sets []string
	for _, i := range added {
		sets = append(sets, quote(t.Fields[i].Name)+" = ?")
	}
	update := "UPDATE " + t.name + " SET " + strings.Join(sets, ", ") + " WHERE _row = ?"
	// The loop writes to another table than the one it reads.
	return c.each("SELECT _row, body FROM "+t.bodies, nil, func(row []driver.Value) error {
		body, _ := row[1].([]byte)
		doc, _ := value.ParseLast(body) // absent when it does not parse
		index := t.IndexOf(doc)
		var args []any
		for _, i := range added {
			args = append(args, column(index[i]))
		}
		_, err := c.exec(update, append(args, row[0])...)
		return err
	})
}

// addSets makes the tables by element and drops those no longer declared.
func (t *table) addSets(c *conn) error {
	prefix := setName(t.Collection, store.Field{})
	tables, err := c.texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?",
		int64(len([]rune(prefix))), prefix)
	if err != nil {
		return err
	}
	for _, s := range t.sets {
		name := setName(t.Collection, t.Fields[s.field])
		if i := slices.Index(tables, name); i >= 0 {
			tables = slices.Delete(tables, i, i+1)
			continue
		}
		if _, err := c.exec("CREATE TABLE " + s.name + " (element TEXT NOT NULL, _row INTEGER NOT NULL, PRIMARY KEY (element, _row)) WITHOUT ROWID"); err != nil {
			return err
		}
		column := quote(t.Fields[s.field].Name)
		if err := c.each("SELECT _row, "+column+" FROM "+t.name+" WHERE "+column+" IS NOT NULL", nil,
			func(row []driver.Value) error { return t.addElements(c, s, row[0], splitSet(row[1])) }); err != nil {
			return err
		}
	}
	for _, gone := range tables {
		if _, err := c.exec("DROP TABLE " + quote(gone)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) addElements(c *conn, s setAt, row any, set []string) error {
	for _, e := range set {
		if _, err := c.exec(s.insert, e, row); err != nil {
			return err
		}
	}
	return nil
}
