package sql

import (
	"context"
	dbsql "database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// sqliteDB has one handle that writes and one that cannot, whatever a query says.
type sqliteDB struct {
	write, read *dbsql.DB // write is nil for an instance that takes queries only
}

func openSQLite(c *Config) (*sqliteDB, error) {
	if c.Host != "" || c.User != "" || c.Database != "" {
		return nil, network.Wrong("/host, /user and /database are for postgres only")
	}
	if !filepath.IsAbs(c.Path) {
		return nil, network.Wrong("/path must be an absolute path of a file, not %q", c.Path)
	}
	handle := func(mode string) (*dbsql.DB, error) {
		u := url.URL{Scheme: "file", OmitHost: true, Path: c.Path}
		u.RawQuery = url.Values{"mode": {mode}, "_pragma": {"busy_timeout(5000)", "foreign_keys(1)", "trusted_schema(0)"}, "_txlock": {"immediate"}}.Encode()
		if mode == "ro" {
			u.RawQuery = url.Values{"mode": {mode}, "_pragma": {"busy_timeout(5000)", "trusted_schema(0)"}}.Encode()
		}
		db, err := dbsql.Open("sqlite", u.String())
		if err != nil {
			return nil, network.Wrong("/path: %v", err)
		}
		db.SetMaxOpenConns(c.Connections)
		db.SetConnMaxIdleTime(time.Minute)
		return db, nil
	}
	s := &sqliteDB{}
	var err error
	if !c.ReadOnly {
		if s.write, err = handle("rwc"); err != nil {
			return nil, err
		}
	}
	s.read, err = handle("ro")
	return s, err
}

func (s *sqliteDB) Close() error {
	if s.write == nil {
		return s.read.Close()
	}
	return errors.Join(s.write.Close(), s.read.Close())
}

func (s *sqliteDB) within(ctx context.Context, readOnly bool, _ string, do func(session) error) error {
	db := s.write
	if readOnly {
		db = s.read
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Statements of tasks stay in the one file: ATTACH and VACUUM INTO would reach any other.
	if _, err := sqlite.Limit(conn, lib.SQLITE_LIMIT_ATTACHED, 0); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(sqliteSession{tx}); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

// ignoreDone leaves out that a transaction ended by itself, with its context.
func ignoreDone(err error) error {
	if errors.Is(err, dbsql.ErrTxDone) {
		return nil
	}
	return err
}

type sqliteSession struct{ tx *dbsql.Tx }

func (s sqliteSession) run(ctx context.Context, q *statement, into *rows) (int64, error) {
	if err := q.check(); err != nil {
		return 0, err
	}
	var args []any
	switch {
	case q.Parameters.IsNothing(), q.Parameters.IsString() && q.Parameters.Text() == "":
	case q.Parameters.IsArray():
		for _, v := range q.Parameters.Elements() {
			args = append(args, goOf(v))
		}
	case q.Parameters.IsObject():
		for name, v := range q.Parameters.Members() {
			args = append(args, dbsql.Named(name, goOf(v)))
		}
	default:
		return 0, network.Wrong("/parameters must be a list or an object, not %s", q.Parameters.Kind())
	}
	before, _, err := s.changes(ctx)
	if err != nil {
		return 0, err
	}
	got, err := s.tx.QueryContext(ctx, q.SQL, args...)
	if err != nil {
		return 0, err
	}
	defer got.Close()
	names, err := got.Columns()
	if err != nil {
		return 0, err
	}
	into.named(names)
	values, places := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	for got.Next() {
		if into.full() {
			break
		}
		if err := got.Scan(places...); err != nil {
			return 0, err
		}
		row := make([]value.Value, len(values))
		for i, v := range values {
			row[i] = jsonOf(v)
		}
		if err := into.add(row); err != nil {
			return 0, err
		}
	}
	if err := errors.Join(got.Err(), got.Close()); err != nil {
		return 0, err
	}
	after, last, err := s.changes(ctx)
	if after == before {
		last = 0 // of an earlier statement
	}
	return last, err
}

// changes counts the rows that the connection has changed in all, and its last statement by itself.
func (s sqliteSession) changes(ctx context.Context) (all, last int64, err error) {
	err = s.tx.QueryRowContext(ctx, "SELECT total_changes(), changes()").Scan(&all, &last)
	return all, last, err
}

// because goes by SQLite's primary result codes.
func (s *sqliteDB) because(ctx context.Context, err error) error {
	if _, ours := errors.AsType[*adapters.Error](err); ours {
		return network.Unreached(ctx, "the database", err)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || ctx.Err() != nil {
		if ctx.Err() != nil || network.Down(err) {
			return network.Unreached(ctx, "the database", err)
		}
		return network.Wrong("%v", err)
	}
	out := network.Remote(false, "%v", err)
	switch e.Code() & 0xff {
	case lib.SQLITE_ERROR, lib.SQLITE_READONLY, lib.SQLITE_MISMATCH, lib.SQLITE_RANGE, lib.SQLITE_CANTOPEN, lib.SQLITE_NOTADB, lib.SQLITE_MISUSE:
		out.Class = engine.ClassInput
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_IOERR, lib.SQLITE_FULL:
		out.Retryable = new(true)
	case lib.SQLITE_INTERRUPT:
		return network.Unreached(ctx, "the database", context.DeadlineExceeded)
	}
	out.Details = value.Object("code", value.Int(int64(e.Code())))
	return out
}
