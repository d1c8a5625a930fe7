package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	t, err := s.table(collection)
	if err != nil {
		return store.Doc{}, err
	}
	if doc, ok, err := s.mem.read(t, id); ok || err != nil {
		return doc, err
	}
	doc := store.Doc{ID: id}
	err = s.gets[collection].QueryRowContext(ctx, id).Scan(&doc.Revision, &doc.Body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Doc{}, fmt.Errorf("%s %q: %w", collection, id, store.ErrNotFound)
	case err != nil:
		return store.Doc{}, s.readError(ctx, "get", collection, err)
	}
	return doc, nil
}

func (s *Store) table(collection string) (*table, error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	if _, err := s.schema.Collection(collection); err != nil {
		return nil, err
	}
	return s.tables[collection], nil
}

func (s *Store) readError(ctx context.Context, what, collection string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the driver says "interrupted"
	case s.closed.Load():
		return store.ErrClosed
	}
	return fmt.Errorf("%s %s: %w", what, collection, explain(err))
}

// Find implements [store.Store].
func (s *Store) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	t, err := s.table(collection)
	if err != nil {
		return store.Page{}, err
	}
	if q, err = t.CheckQuery(q); err != nil {
		return store.Page{}, err
	}
	if err := s.mem.settle(ctx, t, q.Where); err != nil {
		return store.Page{}, err
	}
	var p store.Page
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		if !q.NoTotal {
			if p.Total, err = t.total(ctx, tx, q.Where); err != nil {
				return err
			}
		}
		p.Docs, p.Next, err = t.page(ctx, tx, q)
		return err
	})
	if err != nil {
		return store.Page{}, s.readError(ctx, "find", collection, err)
	}
	return p, nil
}

// snapshot runs f in one read transaction: all it reads is of one moment.
func (s *Store) snapshot(ctx context.Context, f func(*sql.Tx) error) (err error) {
	tx, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written, nothing can be lost
	return f(tx)
}

// total counts all matches: from the kept count where there is no filter,
// else over columns or an index, never touching a body.
func (t *table) total(ctx context.Context, tx *sql.Tx, where store.Filter) (n int, err error) {
	c := condition{table: t}
	query := "SELECT count(*) FROM " + t.name + c.where(where)
	if where == nil {
		query, c.args = `SELECT n FROM "heddle:counts" WHERE collection = ?`, []any{t.Name}
	}
	err = tx.QueryRowContext(ctx, query, c.args...).Scan(&n)
	return n, err
}

// page selects the rows of a page and then reads their bodies, so that a sort
// never moves a body.
func (t *table) page(ctx context.Context, tx *sql.Tx, q store.Query) (docs []store.Doc, next store.Cursor, err error) {
	c := condition{table: t}
	where := q.Where
	if rest := q.Rest(); rest != nil {
		where = store.And{rest}
		if q.Where != nil {
			where = store.And{q.Where, rest}
		}
	}
	var keys, order []string
	for _, o := range q.Sort {
		keys = append(keys, quote(o.Field))
		if o.Desc {
			order = append(order, quote(o.Field)+" DESC")
		} else {
			order = append(order, quote(o.Field))
		}
	}
	query := "SELECT _row, _revision, " + strings.Join(keys, ", ") + " FROM " + t.name + c.where(where) +
		" ORDER BY " + strings.Join(order, ", ")
	if q.Limit > 0 || q.Skip > 0 {
		limit := -1
		if q.Limit > 0 {
			limit = q.Limit + 1 // one more tells whether there is a next page
		}
		query += " LIMIT " + c.arg(limit) + " OFFSET " + c.arg(q.Skip)
	}
	found, err := tx.QueryContext(ctx, query, c.args...)
	if err != nil {
		return nil, nil, err
	}
	defer found.Close()
	var (
		row  int64
		at   = map[int64]int{}
		doc  store.Doc
		last = make([]any, len(q.Sort)) // `_id` is the last key
		dest = []any{&row, &doc.Revision}
	)
	for i := range last {
		dest = append(dest, &last[i])
	}
	for found.Next() {
		if q.Limit > 0 && len(docs) == q.Limit {
			for i, o := range q.Sort {
				next[i] = plain(t.FieldNamed(o.Field), next[i])
			}
			return docs, next, errors.Join(found.Close(), t.bodiesOf(ctx, tx, docs, at))
		}
		if err := found.Scan(dest...); err != nil {
			return nil, nil, err
		}
		doc.ID, _ = last[len(last)-1].(string)
		at[row] = len(docs)
		docs = append(docs, doc)
		next = append(next[:0], last...)
	}
	if err := found.Err(); err != nil {
		return nil, nil, err
	}
	return docs, nil, t.bodiesOf(ctx, tx, docs, at)
}

// bodiesOf fills in the bodies of the documents, whose places are known by
// row number.
func (t *table) bodiesOf(ctx context.Context, tx *sql.Tx, docs []store.Doc, at map[int64]int) error {
	const most = 500
	rows := make([]any, 0, len(at))
	for row := range at {
		rows = append(rows, row)
	}
	for len(rows) > 0 {
		n := min(most, len(rows))
		c := condition{table: t}
		bodies, err := tx.QueryContext(ctx, t.fetchBodies+strings.TrimPrefix(c.in(rows[:n]), " IN "), c.args...)
		if err != nil {
			return err
		}
		for bodies.Next() {
			var row int64
			var body []byte
			if err := bodies.Scan(&row, &body); err != nil {
				return errors.Join(err, bodies.Close())
			}
			docs[at[row]].Body = body
		}
		if err := errors.Join(bodies.Err(), bodies.Close()); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
