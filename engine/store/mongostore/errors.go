package mongostore

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/heddlehq/heddle/engine/store"
)

// Labels by which a server says what an error means for a transaction.
const (
	transient     = "TransientTransactionError"
	commitUnknown = "UnknownTransactionCommitResult"
)

// errUnknown stands before the reason why it is not known whether a commit
// took effect.
var errUnknown = errors.New("the outcome of the commit is unknown and must be read back")

// errGuard: a write of a transaction met a document that is not as expected.
var errGuard = errors.New("a guard did not hold")

func hasLabel(err error, label string) bool {
	e, ok := errors.AsType[mongo.LabeledError](err)
	return ok && e.HasErrorLabel(label)
}

// misfit reports whether writes did not fit what is stored.
func misfit(err error) bool { return errors.Is(err, errGuard) || mongo.IsDuplicateKeyError(err) }

// refused reports whether the server answered and would answer the same
// again, so that asking for less at a time may help.
func refused(err error) bool {
	_, answered := errors.AsType[mongo.ServerError](err)
	return answered && !hasLabel(err, transient) && !mongo.IsTimeout(err) && !mongo.IsNetworkError(err)
}

// explain puts the port's error in front of what the server said, where there
// is one.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if mongo.IsTimeout(err) || mongo.IsNetworkError(err) || errors.Is(err, errUnknown) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if _, away := errors.AsType[topology.ServerSelectionError](err); away {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	server, ok := errors.AsType[mongo.ServerError](err)
	if !ok {
		return err
	}
	for code, kind := range map[int]error{
		13:    store.ErrReadOnly, // Unauthorized
		14031: store.ErrFull,     // OutOfDiskSpace
		10334: store.ErrInvalid,  // BSONObjectTooLarge
	} {
		if server.HasErrorCode(code) {
			return fmt.Errorf("%w: %w", kind, err)
		}
	}
	return err
}

// readError gives a caller whose context ended the context's error.
func (s *Store) readError(ctx context.Context, what, collection string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed.Load():
		return store.ErrClosed
	}
	return fmt.Errorf("%s %s: %w", what, collection, explain(err))
}
