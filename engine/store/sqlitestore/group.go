package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
)

// Group implements [store.Store].
func (s *Store) Group(ctx context.Context, collection string, g store.Grouping) ([]store.Bucket, error) {
	t, err := s.table(collection)
	if err != nil {
		return nil, err
	}
	if g, err = t.CheckGrouping(g); err != nil {
		return nil, err
	}
	if err := s.mem.settle(ctx, t, g.Where); err != nil {
		return nil, err
	}
	var out []store.Bucket
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		out, err = t.group(ctx, tx, g)
		return err
	})
	if err != nil {
		return nil, s.readError(ctx, "group", collection, err)
	}
	return out, nil
}

func (t *table) group(ctx context.Context, tx *sql.Tx, g store.Grouping) ([]store.Bucket, error) {
	c := condition{table: t}
	var keys, places []string
	for i, k := range g.By {
		keys = append(keys, cut(quote(k.Field), k.Unit))
		places = append(places, fmt.Sprint(i+1))
	}
	columns := append(keys, "count(*)")
	for _, m := range g.Measure {
		columns = append(columns, aggregate(m))
	}
	query := "SELECT " + strings.Join(columns, ", ") + " FROM " + t.name + c.where(g.Where)
	if len(places) > 0 {
		by := strings.Join(places, ", ")
		query += " GROUP BY " + by + " ORDER BY " + by
	}
	rows, err := tx.QueryContext(ctx, query, c.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []store.Bucket
	for rows.Next() {
		b := store.Bucket{Keys: make([]any, len(g.By)), Measures: make([]any, len(g.Measure))}
		var dest []any
		for i := range b.Keys {
			dest = append(dest, &b.Keys[i])
		}
		dest = append(dest, &b.Count)
		for i := range b.Measures {
			dest = append(dest, &b.Measures[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		for i, k := range g.By {
			b.Keys[i] = plain(t.FieldNamed(k.Field), b.Keys[i])
		}
		if len(g.Measure) == 0 {
			b.Measures = nil
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// cut returns the start of the unit a time lies in. Division rounds towards
// zero, so times before 1970 take the remainder that is not negative.
func cut(column string, u store.Unit) string {
	floor := func(ms int64) string { return fmt.Sprintf("(%s - ((%[1]s %% %[2]d) + %[2]d) %% %[2]d)", column, ms) }
	switch u {
	case store.Hour:
		return floor(3_600_000)
	case store.Day:
		return floor(86_400_000)
	case store.Month:
		return fmt.Sprintf("(unixepoch(%s / 1000, 'unixepoch', 'start of month') * 1000)", floor(1000))
	}
	return column
}

func aggregate(m store.Measure) string {
	column := quote(m.Field)
	switch m.Of {
	case store.Sum:
		return "total(" + column + ")"
	case store.Avg:
		return "avg(" + column + ")"
	case store.Min:
		return "min(" + column + ")"
	}
	return "max(" + column + ")"
}
