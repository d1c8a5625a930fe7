package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// What callers branch on.
var (
	// ErrCredentials: the user name or password, or the client id or secret, is wrong.
	ErrCredentials = errors.New("the user name or the password is wrong")
	// ErrNoSession: there is no token, or its session has ended.
	ErrNoSession = errors.New("there is no session for this token; log in")
	// ErrNotFound: there is no such account, group or session.
	ErrNotFound = store.ErrNotFound
)

// TooMany is the answer to a login after too many failures.
type TooMany struct{ Wait time.Duration }

func (e *TooMany) Error() string {
	return fmt.Sprintf("too many failed logins; try again in %d seconds", int(e.Wait.Seconds())+1)
}

// Invalid is the answer to an account or group that cannot be stored as asked.
type Invalid struct {
	Pointer string // JSON pointer into the document
	Code    string
	Text    string
}

func (e *Invalid) Error() string { return e.Text }

// Exists is the answer when a name is taken.
type Exists struct{ Kind, Name string }

func (e *Exists) Error() string { return fmt.Sprintf("%s %q already exists", e.Kind, e.Name) }
