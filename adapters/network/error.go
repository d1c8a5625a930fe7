package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
)

// Wrong is the error of a parameter or a setting that cannot be used. Another try will not help.
func Wrong(format string, args ...any) *adapters.Error {
	return &adapters.Error{Class: engine.ClassInput, Text: fmt.Sprintf(format, args...), Retryable: new(false)}
}

// Refused is the error of credentials that the outside system did not accept.
func Refused(format string, args ...any) *adapters.Error {
	return &adapters.Error{Class: adapters.ClassAuth, Text: fmt.Sprintf(format, args...), Retryable: new(false)}
}

// TooMuch is the error of something larger than a limit.
func TooMuch(format string, args ...any) *adapters.Error {
	return &adapters.Error{Class: engine.ClassLimit, Text: fmt.Sprintf(format, args...), Retryable: new(false)}
}

// Remote is the error of a request that the outside system understood and did not do.
func Remote(retryable bool, format string, args ...any) *adapters.Error {
	return &adapters.Error{Class: adapters.ClassRemote, Text: fmt.Sprintf(format, args...), Retryable: new(retryable)}
}

// Unreached says why there is no answer of what. An [adapters.Error] inside err stays what it
// is, and so does the end of ctx, the task's: only waiting that the adapter itself bounds is
// class timeout.
func Unreached(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return err
	}
	if TimedOut(err) {
		return &adapters.Error{Class: adapters.ClassTimeout, Text: fmt.Sprintf("%s did not answer in time: %v", what, err), Retryable: new(true)}
	}
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	return &adapters.Error{Class: adapters.ClassNetwork, Text: fmt.Sprintf("%s cannot be reached: %v", what, err), Retryable: new(!badCertificate)}
}

// TimedOut tells whether err is one of waiting too long.
func TimedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// Down tells whether err is one of a connection that did not come about or broke.
func Down(err error) bool {
	if TimedOut(err) || errors.Is(err, net.ErrClosed) {
		return true
	}
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e.Class == adapters.ClassNetwork || e.Class == adapters.ClassTimeout || e.Class == engine.ClassInput
	}
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}
