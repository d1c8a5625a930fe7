package ldap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// refused are the codes of answers about who asks, and passing those that may be gone the next time.
var (
	refused = []uint16{
		ldap.LDAPResultAuthMethodNotSupported, ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired,
		ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInsufficientAccessRights,
	}
	passing = []uint16{ldap.LDAPResultTimeLimitExceeded, ldap.LDAPResultBusy, ldap.LDAPResultUnavailable}
	unfit   = []uint16{ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultInvalidAttributeSyntax, ldap.LDAPResultUndefinedAttributeType}
)

// failed says why an operation did not succeed. Another try after a broken connection is safe
// if the operation may be repeated.
func (c *conn) failed(err error, repeatable bool) error {
	if err == nil {
		return nil
	}
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	e, ok := errors.AsType[*ldap.Error](err)
	if !ok || e.ResultCode >= ldap.ErrorNetwork {
		out := &adapters.Error{Class: adapters.ClassNetwork, Text: fmt.Sprintf("%s: the connection was lost: %v", c.d.address, err), Retryable: &repeatable}
		if strings.Contains(err.Error(), "timed out") { // the library has no error of its own for it
			out.Class, out.Text = adapters.ClassTimeout, fmt.Sprintf("%s did not answer within %d s", c.d.address, c.d.TimeoutSeconds)
		}
		return out
	}
	is := func(codes []uint16) bool { return ldap.IsErrorAnyOf(err, codes...) }
	out := &adapters.Error{
		Class: adapters.ClassRemote, Text: ldap.LDAPResultCodeMap[e.ResultCode], Retryable: new(is(passing)),
		Details: value.Object("code", value.Int(int64(e.ResultCode)), "matchedDN", value.String(e.MatchedDN)),
	}
	if e.Err != nil && strings.TrimSpace(e.Err.Error()) != "" {
		out.Text += ": " + strings.TrimSpace(strings.TrimRight(e.Err.Error(), "\x00"))
	}
	switch {
	case is(refused):
		out.Class = adapters.ClassAuth
	case is(unfit):
		out.Class = engine.ClassInput
	}
	return out
}
