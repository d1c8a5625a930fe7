package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"

	"github.com/heddlehq/heddle/engine/store"
)

// Options shape a store. The zero value is right for Heddle.
type Options struct {
	// Collections defaults to [store.Collections].
	Collections []store.Collection
	// Readers bounds the reads at a time; 0 means twice the processors, at
	// least four.
	Readers int
}

// Store is a [store.Store] in one SQLite file with its helpers beside it
// (-wal, -shm, -ahead1, -ahead2, .lock), which belong to it: a copy needs them all. Only one
// process can have it open.
type Store struct {
	path   string
	schema *store.Schema
	tables map[string]*table

	lock    *conn
	journal *journal
	mem     *memtable
	writer  *writer
	rows    *tables
	flusher sync.WaitGroup
	readers *sql.DB
	gets    map[string]*sql.Stmt // by collection, of readers

	closed  atomic.Bool
	closing sync.Once
}

// Open opens the store at path, which it creates with its folder when there
// is none, and brings its tables up to the declared collections. It fails
// with [store.ErrLocked], [store.ErrReadOnly], [store.ErrFull] or
// [store.ErrCorrupt] where they say the reason.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store %s: %w", path, explain(err))
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Collections == nil {
		o.Collections = store.Collections
	}
	if o.Readers <= 0 {
		o.Readers = max(4, 2*runtime.NumCPU())
	}
	s := &Store{path: path, tables: map[string]*table{}, gets: map[string]*sql.Stmt{}}
	if s.schema, err = store.NewSchema(o.Collections); err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	if s.lock, err = lock(path + ".lock"); err != nil {
		return nil, err
	}
	for _, decl := range s.schema.All() {
		s.tables[decl.Name] = newTable(decl)
	}
	if err := s.openTables(ctx, path, o.Readers); err != nil {
		return nil, errors.Join(err, s.release())
	}
	lookup, err := openReader(path)
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.writer = newWriter(s.mem, s.journal, s.rows, lookup)
	s.flusher.Go(func() { s.rows.flushing(s.mem) })
	return s, nil
}

// openTables opens the file, brings its tables up to the declarations, and what the journal has
// into the tables.
func (s *Store) openTables(ctx context.Context, path string, readers int) error {
	c, err := openWriter(path)
	if err != nil {
		return err
	}
	s.rows = newTables(c, s.tables)
	var inOrder []*table
	for _, decl := range s.schema.All() {
		inOrder = append(inOrder, s.tables[decl.Name])
	}
	applied, err := migrate(c, inOrder)
	if err != nil {
		return err
	}
	s.mem = newMemtable(inOrder, applied)
	if s.journal, err = openJournal(path, applied, s.replay); err != nil {
		return err
	}
	if g := s.mem.adding; len(g.docs) > 0 {
		if err := s.rows.flush(g); err != nil {
			return err
		}
		s.mem.adding, s.mem.applied = newGeneration(), g.last
	}
	s.journal.restart()
	source, err := dsn(path, "busy_timeout(10000)", "query_only(1)", "cache_size(-4096)", "temp_store(MEMORY)")
	if err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", source); err != nil {
		return err
	}
	s.readers.SetMaxOpenConns(readers)
	s.readers.SetMaxIdleConns(readers)
	for _, t := range inOrder {
		if s.gets[t.Name], err = s.readers.PrepareContext(ctx, t.get); err != nil {
			return err
		}
	}
	return nil
}

// prepareFile creates the file for the owner only and finds out early
// whether it can be written.
func prepareFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// lock holds an exclusive transaction on an empty database for as long as
// the store is open. The system lets go of it however the process ends.
func lock(path string) (*conn, error) {
	source, err := dsn(path)
	if err != nil {
		return nil, err
	}
	c, err := dial(source)
	if err != nil {
		return nil, err
	}
	if _, err := c.exec("BEGIN EXCLUSIVE"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// openWriter dials the connection that writes. Every commit is synced to the
// disk; the log is folded back into the file when it has some 32 MB.
func openWriter(path string) (*conn, error) {
	source, err := dsn(path,
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "fullfsync(1)", "checkpoint_fullfsync(1)",
		"foreign_keys(0)", "cache_size(-16384)", "temp_store(MEMORY)",
		"wal_autocheckpoint(8000)", "journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	c, err := dial(source)
	if err != nil {
		return nil, err
	}
	if err := verifyDurable(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// openReader dials a connection for a goroutine of its own that reads.
func openReader(path string) (*conn, error) {
	source, err := dsn(path, "busy_timeout(10000)", "query_only(1)", "cache_size(-2048)", "temp_store(MEMORY)")
	if err != nil {
		return nil, err
	}
	return dial(source)
}

// verifyDurable refuses a connection on which the settings that durability
// rests on did not take, as a log does not on some network file systems.
func verifyDurable(c *conn) error {
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		if err := c.each("PRAGMA "+pragma, nil, func(row []driver.Value) error {
			if got := fmt.Sprint(row[0]); got != want {
				return fmt.Errorf("%s is %s here, not %s: the file system cannot keep commits safe", pragma, got, want)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, batches ...store.Batch) []error {
	r := &request{batches: make([]batch, len(batches)), done: make(chan struct{})}
	out := make([]error, len(batches))
	for i, b := range batches {
		r.batches[i].writes = b
		r.batches[i].index, r.batches[i].result = s.schema.CheckBatch(b)
	}
	err := s.writer.do(ctx, r)
	for i := range r.batches {
		out[i] = r.batches[i].result
		if out[i] == nil && err != nil {
			out[i] = err
		}
	}
	return out
}

// Close implements [store.Store]. An error of the last flush loses nothing: what the tables lack
// is in the journal.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		s.closed.Store(true)
		err = s.writer.close()
		s.mem.close()
		s.flusher.Wait()
		if err = errors.Join(err, s.mem.failed, s.release()); err != nil {
			err = fmt.Errorf("close store %s: %w", s.path, explain(err))
		}
	})
	return err
}

// release closes what was opened. The connection that writes goes last of those to the file: the
// last one to go folds the log into it.
func (s *Store) release() error {
	var errs []error
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	if s.rows != nil {
		errs = append(errs, s.rows.conn.close())
	}
	if s.journal != nil {
		errs = append(errs, s.journal.close())
	}
	return errors.Join(append(errs, s.lock.close())...)
}

func init() {
	sqlite.MustRegisterDeterministicScalarFunction("heddle_contains", 2, contains)
}
