package ldap

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

type searching struct {
	Base       string     `json:"base,omitempty" doc:"DN where the search begins; the base DN of the instance unless given"`
	Scope      string     `json:"scope,omitempty" enum:"base,one,sub" doc:"the base itself, what lies directly below it, or all below it; sub unless given"`
	Condition  *Condition `json:"condition,omitempty" doc:"what entries are searched for"`
	Filter     string     `json:"filter,omitempty" doc:"the same as an LDAP filter; give one of the two. A condition is safer when values come from elsewhere"`
	Attributes []string   `json:"attributes,omitempty" doc:"what to read of each entry; all unless given"`
	Limit      int        `json:"limit,omitempty" doc:"how many entries to give, up to what the instance allows"`
}

// Entry is an entry of a directory.
type Entry struct {
	DN         string      `json:"dn"`
	Attributes value.Value `json:"attributes"` // lists of values by name; what is no text is {"base64": ...}
}

type found struct {
	Entries   []Entry `json:"entries"`
	Truncated bool    `json:"truncated" doc:"there are more entries than were asked for"`
}

var scopes = map[string]int{"": ldap.ScopeWholeSubtree, "base": ldap.ScopeBaseObject, "one": ldap.ScopeSingleLevel, "sub": ldap.ScopeWholeSubtree}

func search(ctx context.Context, call *adapters.Call, in searching) (found, error) {
	d := adapters.Client[*directory](call)
	request, err := d.request(in)
	if err != nil {
		return found{}, err
	}
	limit := d.MaxEntries
	if in.Limit > 0 {
		limit = min(limit, in.Limit)
	}
	c, err := d.connect(ctx)
	if err != nil {
		return found{}, err
	}
	defer c.close()
	return c.pages(request, limit)
}

func (d *directory) request(in searching) (*ldap.SearchRequest, error) {
	base := cmp.Or(in.Base, d.BaseDN)
	if err := d.below("/base", base); err != nil {
		return nil, err
	}
	filter := in.Filter
	switch {
	case in.Filter != "" && in.Condition != nil:
		return nil, network.Wrong("give either /filter or /condition")
	case in.Filter != "":
		if err := checkFilter(filter); err != nil {
			return nil, err
		}
	case in.Condition != nil:
		var err error
		if filter, err = in.Condition.filter("/condition", 0); err != nil {
			return nil, err
		}
	default:
		filter = "(objectClass=*)"
	}
	for i, a := range in.Attributes {
		if a != "*" && a != "+" && !attributeName.MatchString(a) {
			return nil, network.Wrong("/attributes/%d must be the name of an attribute, not %q", i, a)
		}
	}
	return ldap.NewSearchRequest(base, scopes[in.Scope], ldap.NeverDerefAliases, 0, d.TimeoutSeconds, false, filter, in.Attributes, nil), nil
}

// pages reads entries page by page, up to a limit.
func (c *conn) pages(r *ldap.SearchRequest, limit int) (found, error) {
	out := found{Entries: []Entry{}}
	paging := ldap.NewControlPaging(uint32(min(c.d.PageSize, limit+1)))
	r.Controls = []ldap.Control{paging}
	for {
		page, err := c.Search(r)
		if err != nil && (page == nil || !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)) {
			return found{}, c.failed(err, true)
		}
		for _, e := range page.Entries {
			if len(out.Entries) == limit {
				out.Truncated = true
				return out, nil
			}
			out.Entries = append(out.Entries, entry(e))
		}
		if err != nil { // the server's own limit
			out.Truncated = true
			return out, nil
		}
		next, ok := ldap.FindControl(page.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return out, nil
		}
		if len(page.Entries) == 0 && string(next.Cookie) == string(paging.Cookie) {
			return found{}, network.Remote(false, "the directory gives the same empty page again")
		}
		paging.SetCookie(next.Cookie)
	}
}

func entry(e *ldap.Entry) Entry {
	var attributes value.Members
	for _, a := range e.Attributes {
		var all []value.Value
		for _, v := range a.ByteValues {
			if utf8.Valid(v) {
				all = append(all, value.String(string(v)))
			} else {
				all = append(all, value.Object("base64", value.String(base64.StdEncoding.EncodeToString(v))))
			}
		}
		attributes.Set(a.Name, value.Array(all...))
	}
	return Entry{e.DN, attributes.Value()}
}

type comparing struct {
	DN        string      `json:"dn" doc:"DN of the entry"`
	Attribute string      `json:"attribute" doc:"name of the attribute"`
	Value     value.Value `json:"value" doc:"the value"`
}

func compare(ctx context.Context, call *adapters.Call, in comparing) (bool, error) {
	d := adapters.Client[*directory](call)
	if err := d.below("/dn", in.DN); err != nil {
		return false, err
	}
	if !attributeName.MatchString(in.Attribute) {
		return false, network.Wrong("/attribute must be the name of an attribute, not %q", in.Attribute)
	}
	text, err := plain("/value", in.Value)
	if err != nil {
		return false, err
	}
	c, err := d.connect(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	same, err := c.Compare(in.DN, in.Attribute, text)
	return same, c.failed(err, true)
}

type credentials struct {
	DN       string `json:"dn" doc:"DN of the entry"`
	Password string `json:"password" doc:"the password to check"`
}

// bind logs in on a connection of its own. An empty password would be let in by many servers
// without being looked at.
func bind(ctx context.Context, call *adapters.Call, in credentials) (bool, error) {
	d := adapters.Client[*directory](call)
	if err := d.below("/dn", in.DN); err != nil {
		return false, err
	}
	if in.Password == "" {
		return false, nil
	}
	c, err := (&directory{Config: Config{StartTLS: d.StartTLS, TimeoutSeconds: d.TimeoutSeconds}, address: d.address, guard: d.guard, tls: d.tls, secure: d.secure}).connect(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	err = c.Bind(in.DN, in.Password)
	if e, ok := errors.AsType[*ldap.Error](err); ok && (e.ResultCode == ldap.LDAPResultInvalidCredentials || e.ResultCode == ldap.LDAPResultNoSuchObject) {
		return false, nil
	}
	return err == nil, c.failed(err, true)
}
