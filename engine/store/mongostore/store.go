package mongostore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"

	"github.com/heddlehq/heddle/engine/store"
)

// Options shape a store. The zero value is right for Heddle.
type Options struct {
	// Collections defaults to [store.Collections].
	Collections []store.Collection
	// Writers bounds the transactions under way at a time; 0 means four. More
	// of them wait for fewer others each, but share less.
	Writers int
	// Unsafe opens the store although settings are unsafe or the server does
	// not tell; so does heddleUnsafe=true in the address. It is for tests: a
	// substitute may be of any version, be no replica set, have an arbiter,
	// lack or hide its journal and disks, and give read and write concerns no
	// meaning. It may not lack transactions that can be aborted, snapshots
	// within them or unique indexes, because nothing could be promised then.
	Unsafe bool
}

// Store is a [store.Store] in one database of a MongoDB replica set. Any
// number of processes may have it open.
type Store struct {
	address address
	client  *mongo.Client
	schema  *store.Schema
	tables  map[string]*table
	writer  *writer

	closed  atomic.Bool
	closing sync.Once
}

// Open connects to the replica set at a mongodb:// address and brings the
// database it names, "heddle" if it names none, up to the declared
// collections: indexes are created and verified, those no longer declared are
// dropped, new fields are computed from the stored bodies.
//
// Settings that would let an acknowledged write be lost are refused, each by
// its name: a server that is no member of a replica set or older than MongoDB
// 6, a set of three with an arbiter, a server without journal or disk, and
// concerns in the address that ask for less than a majority. Where the
// account may not ask the server, what cannot be told passes.
//
// While servers of an older version go on writing, their documents lack the
// fields a newer one added until it is opened again.
func Open(ctx context.Context, uri string, o Options) (_ *Store, err error) {
	a, err := parseAddress(uri)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err) // the address may hold a password
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open store %s: %w", a.database, explain(err))
		}
	}()
	if o.Collections == nil {
		o.Collections = store.Collections
	}
	if o.Writers <= 0 {
		o.Writers = 4
	}
	s := &Store{address: a, tables: map[string]*table{}}
	if s.schema, err = store.NewSchema(o.Collections); err != nil {
		return nil, err
	}
	set := options.Client().ApplyURI(a.uri)
	if err := set.Validate(); err != nil {
		return nil, err
	}
	var u risks
	u.askedFor(set)
	careless := o.Unsafe || a.marked
	if err := u.err(); err != nil && !careless {
		return nil, err
	}
	set.SetAppName("heddle").SetRetryWrites(true).SetRetryReads(true).SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).SetWriteConcern(durable())
	if set.ServerSelectionTimeout == nil {
		set.SetServerSelectionTimeout(15 * time.Second) // an election takes some ten
	}
	if s.client, err = mongo.Connect(set); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.client.Disconnect(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.client.Ping(ctx, readpref.Primary()); err != nil {
		return nil, err
	}
	said, err := ask(ctx, s.client)
	if err != nil {
		return nil, err
	}
	u.found(said)
	if err := u.err(); err != nil && !careless {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	s.writer = newWriter(s.client, s.tables, o.Writers)
	if careless {
		if err := s.proveTransactions(ctx); err != nil {
			s.writer.close()
			return nil, err
		}
	}
	return s, nil
}

// concerns are those of every collection.
func concerns() *options.CollectionOptionsBuilder {
	return options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Majority()).SetWriteConcern(durable())
}

// prepare brings the database up to the declarations.
func (s *Store) prepare(ctx context.Context) error {
	db := s.client.Database(s.address.database)
	for _, decl := range s.schema.All() {
		if decl.Name == records {
			return fmt.Errorf("collection %q: the name is taken by the store itself", decl.Name)
		}
		t := newTable(decl, db.Collection(decl.Name, concerns()))
		if err := t.migrate(ctx); err != nil {
			return fmt.Errorf("collection %q: %w", t.Name, err)
		}
		s.tables[t.Name] = t
	}
	return nil
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, batches ...store.Batch) []error {
	r := &request{batches: make([]batch, len(batches)), done: make(chan struct{})}
	out := make([]error, len(batches))
	for i, b := range batches {
		r.batches[i].writes = b
		if r.batches[i].index, r.batches[i].result = s.schema.CheckBatch(b); r.batches[i].result == nil {
			r.batches[i].result = s.fits(&r.batches[i])
		}
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

// fits refuses a document that is too large together with its index values.
func (s *Store) fits(b *batch) error {
	for i, w := range b.writes {
		if w.Body == nil {
			continue
		}
		if n := s.tables[w.Collection].size(w, b.index[i]); n > maxDocument {
			return fmt.Errorf("%w: %s %q: body and index values have %d bytes, %d are allowed",
				store.ErrInvalid, w.Collection, w.ID, n, maxDocument)
		}
	}
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		s.closed.Store(true)
		s.writer.close()
		if err = s.client.Disconnect(context.Background()); err != nil {
			err = fmt.Errorf("close store %s: %w", s.address.database, err)
		}
	})
	return err
}
