package mongo

import (
	"context"
	"errors"
	"strings"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// Codes of the server that say whose fault an error is.
const (
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeMaxTimeExpired       = 50
)

// because classifies an error of the driver.
func because(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e
	}
	if ctx.Err() != nil {
		return err
	}
	if e, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		for _, s := range e.Desc.Servers { // why there is no server to ask
			if s.LastError != nil {
				return unselected(ctx, s.LastError)
			}
		}
		return &adapters.Error{Class: adapters.ClassNetwork, Text: "no server of the database can be reached: " + err.Error(), Retryable: new(true)}
	}
	if e, ok := errors.AsType[driver.ServerError](err); ok && !driver.IsNetworkError(err) && !errors.Is(err, context.DeadlineExceeded) {
		return refused(e)
	}
	if driver.IsTimeout(err) {
		return &adapters.Error{Class: adapters.ClassTimeout, Text: "the database did not answer in time: " + err.Error(), Retryable: new(true)}
	}
	return unselected(ctx, err)
}

func unselected(ctx context.Context, err error) error {
	if strings.Contains(err.Error(), "auth error") {
		return network.Refused("the database does not let the adapter instance in: %v", err)
	}
	return network.Unreached(ctx, "the database", err)
}

func refused(e driver.ServerError) error {
	out := network.Remote(e.HasErrorLabel("RetryableWriteError") || e.HasErrorLabel("TransientTransactionError"), "%v", e)
	switch {
	case e.HasErrorCode(codeUnauthorized) || e.HasErrorCode(codeAuthenticationFailed):
		out.Class = adapters.ClassAuth
	case e.HasErrorCode(codeMaxTimeExpired):
		out.Class, out.Retryable = adapters.ClassTimeout, new(true)
	}
	if c, ok := errors.AsType[driver.CommandError](error(e)); ok {
		out.Details = value.Object("code", value.Int(int64(c.Code)), "codeName", value.String(c.Name))
		if c.Code == 2 || c.Code == 9 || c.Code == 14 || c.Code >= 15000 && c.Code < 60000 {
			out.Class = engine.ClassInput // the server cannot read what it was asked
		}
	}
	return out
}
