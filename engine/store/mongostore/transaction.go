package mongostore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Bounds on trying again what the server says may work the next time.
const (
	maxTries   = 12
	maxCommits = 5
	maxPause   = 100 * time.Millisecond
)

// durable is the concern of every write: on the disks of a majority.
func durable() *writeconcern.WriteConcern {
	wc, journal := writeconcern.Majority(), true
	wc.Journal = &journal
	return wc
}

// transactions runs functions in transactions. What f reads is of one moment
// and has reached a majority once transact returns nil.
type transactions struct{ client *mongo.Client }

// transact runs f and commits, again from the start as long as the server
// calls the failure transient, within bounds. An error that wraps errUnknown
// means that the commit may have taken effect; after any other, nothing has.
func (ts transactions) transact(ctx context.Context, f func(context.Context) error) error {
	passing := func(err error) bool { return hasLabel(err, transient) }
	return again(ctx, passing, func() error { return ts.once(ctx, f) })
}

// again calls f until it succeeds or fails in a way that is not passing,
// within bounds.
func again(ctx context.Context, passing func(error) bool, f func() error) error {
	pause := time.Millisecond
	for try := 1; ; try++ {
		err := f()
		if err == nil || try == maxTries || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause/2 + rand.N(pause)): // apart from the one it collided with
		}
		pause = min(2*pause, maxPause)
	}
}

func (ts transactions) once(ctx context.Context, f func(context.Context) error) error {
	session, err := ts.client.StartSession(options.Session().SetCausalConsistency(false))
	if err != nil {
		return err
	}
	defer session.EndSession(context.WithoutCancel(ctx))
	if err := session.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetReadPreference(readpref.Primary()).SetWriteConcern(durable())); err != nil {
		return err
	}
	if err := f(mongo.NewSessionContext(ctx, session)); err != nil {
		_ = session.AbortTransaction(context.WithoutCancel(ctx)) // the server forgets it soon anyway
		return err
	}
	for try := 1; ; try++ {
		err := session.CommitTransaction(ctx)
		switch {
		case err == nil:
			return nil
		case !hasLabel(err, commitUnknown) && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err):
			return err
		case try == maxCommits || ctx.Err() != nil:
			return fmt.Errorf("%w: %v", errUnknown, err) // without its labels: it must not be tried again
		}
	}
}
