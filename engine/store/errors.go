package store

import (
	"errors"
	"fmt"
	"strings"
)

// What callers branch on. Drivers wrap the last five around the cause.
var (
	ErrNotFound = errors.New("document not found")
	ErrConflict = errors.New("write conflict")
	ErrInvalid  = errors.New("invalid request to the store")
	ErrClosed   = errors.New("store is closed")

	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store is in use by another process")
	// ErrReadOnly: the store's place cannot be written to.
	ErrReadOnly = errors.New("store cannot be written to")
	// ErrFull: no space is left; reads go on, writes work again once there is.
	ErrFull = errors.New("store has no space left")
	// ErrUnavailable: the store cannot be reached or does not answer in time. A commit may
	// have taken effect.
	ErrUnavailable = errors.New("store cannot be reached")
	// ErrCorrupt: what is stored is damaged or was not written by this store.
	ErrCorrupt = errors.New("store is damaged or not a Heddle store")
)

// Reason says why a batch met a conflict.
type Reason string

// The reasons.
const (
	// StaleRevision: the stored revision is not the expected one.
	StaleRevision Reason = "revision"
	// AlreadyExists: the write demanded New but there is a document.
	AlreadyExists Reason = "exists"
	// NotUnique: another document has the value of a unique field.
	NotUnique Reason = "unique"
)

// Conflict tells which write kept its batch from being stored. It matches
// [ErrConflict].
type Conflict struct {
	Collection, ID string
	Reason         Reason
	// Field is the unique field, for NotUnique.
	Field string
	// Stored is the revision found, 0 when there is no document.
	Stored int64
}

func (c *Conflict) Error() string {
	switch c.Reason {
	case NotUnique:
		return fmt.Sprintf("%s %q: another document has the same %s", c.Collection, c.ID, c.Field)
	case AlreadyExists:
		return fmt.Sprintf("%s %q: already exists at revision %d", c.Collection, c.ID, c.Stored)
	}
	return fmt.Sprintf("%s %q: stored revision is %d, not the expected one", c.Collection, c.ID, c.Stored)
}

// Is reports whether target is ErrConflict.
func (c *Conflict) Is(target error) bool { return target == ErrConflict }

// UnknownFieldError names a field its collection does not declare. It matches
// [ErrInvalid].
type UnknownFieldError struct {
	Collection, Field string
	// Known lists what may be asked for, sorted.
	Known []string
}

func (e *UnknownFieldError) Error() string {
	return fmt.Sprintf("%s has no field %q to search by; it has %s", e.Collection, e.Field, strings.Join(e.Known, ", "))
}

// Is reports whether target is ErrInvalid.
func (e *UnknownFieldError) Is(target error) bool { return target == ErrInvalid }

// FieldError says what is wrong with a value or an operator for a field. It
// matches [ErrInvalid].
type FieldError struct {
	Collection, Field string
	// Problem is a sentence's end that says what would be right.
	Problem string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s field %q %s", e.Collection, e.Field, e.Problem)
}

// Is reports whether target is ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
