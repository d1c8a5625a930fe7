package ldap

import (
	"context"
	"encoding/base64"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// done is the output of methods that change something.
type done struct {
	DN string `json:"dn" doc:"DN of the entry"`
}

// write makes a change on a connection of its own.
func write(ctx context.Context, call *adapters.Call, do func(c *conn) error) error {
	c, err := adapters.Client[*directory](call).connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	return c.failed(do(c), false)
}

type adding struct {
	DN         string      `json:"dn" doc:"DN of the new entry"`
	Attributes value.Value `json:"attributes" doc:"values by name, each one or a list; what is no text is {\"base64\": ...}"`
}

func add(ctx context.Context, call *adapters.Call, in adding) (done, error) {
	if err := adapters.Client[*directory](call).below("/dn", in.DN); err != nil {
		return done{}, err
	}
	if !in.Attributes.IsObject() || in.Attributes.Len() == 0 {
		return done{}, network.Wrong("/attributes must be an object with at least one attribute")
	}
	r := ldap.NewAddRequest(in.DN, nil)
	for name, v := range in.Attributes.Members() {
		where := "/attributes/" + value.EscapePointer(name)
		if !attributeName.MatchString(name) {
			return done{}, network.Wrong("%s is not the name of an attribute", where)
		}
		values, err := valuesOf(where, v)
		if err != nil {
			return done{}, err
		}
		if len(values) > 0 {
			r.Attribute(name, values)
		}
	}
	return done{in.DN}, write(ctx, call, func(c *conn) error { return c.Add(r) })
}

// valuesOf reads one value or a list of values.
func valuesOf(where string, v value.Value) ([]string, error) {
	if v.IsNothing() {
		return nil, nil
	}
	if !v.IsArray() {
		text, err := single(where, v)
		return []string{text}, err
	}
	var out []string
	for i, e := range v.Elements() {
		text, err := single(where+"/"+strconv.Itoa(i), e)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func single(where string, v value.Value) (string, error) {
	if coded := v.Get("base64"); coded.IsString() && v.Len() == 1 {
		data, err := base64.StdEncoding.DecodeString(coded.Text())
		if err != nil {
			return "", network.Wrong("%s/base64: %v", where, err)
		}
		return string(data), nil
	}
	return plain(where, v)
}

type modifying struct {
	DN      string         `json:"dn" doc:"DN of the entry"`
	Changes []modification `json:"changes" doc:"what to change; all of it or nothing"`
}

type modification struct {
	Op        string      `json:"op" enum:"add,delete,increment,replace" doc:"add values, delete them (all, if none are given), replace all, or add a number"`
	Attribute string      `json:"attribute" doc:"name of the attribute"`
	Values    value.Value `json:"values,omitzero" doc:"one value or a list"`
}

func modify(ctx context.Context, call *adapters.Call, in modifying) (done, error) {
	if err := adapters.Client[*directory](call).below("/dn", in.DN); err != nil {
		return done{}, err
	}
	if len(in.Changes) == 0 {
		return done{}, network.Wrong("/changes must not be empty")
	}
	r := ldap.NewModifyRequest(in.DN, nil)
	for i, m := range in.Changes {
		where := "/changes/" + strconv.Itoa(i)
		if !attributeName.MatchString(m.Attribute) {
			return done{}, network.Wrong("%s/attribute must be the name of an attribute, not %q", where, m.Attribute)
		}
		values, err := valuesOf(where+"/values", m.Values)
		if err != nil {
			return done{}, err
		}
		switch {
		case m.Op == "delete":
			r.Delete(m.Attribute, values)
		case m.Op == "replace":
			r.Replace(m.Attribute, values)
		case len(values) == 0:
			return done{}, network.Wrong("%s/values must not be empty", where)
		case m.Op == "add":
			r.Add(m.Attribute, values)
		default:
			r.Increment(m.Attribute, values[0])
		}
	}
	return done{in.DN}, write(ctx, call, func(c *conn) error { return c.Modify(r) })
}

type removing struct {
	DN        string `json:"dn" doc:"DN of the entry"`
	MayBeGone bool   `json:"mayBeGone,omitempty" doc:"an entry that does not exist is no error"`
}

func remove(ctx context.Context, call *adapters.Call, in removing) (done, error) {
	if err := adapters.Client[*directory](call).below("/dn", in.DN); err != nil {
		return done{}, err
	}
	return done{in.DN}, write(ctx, call, func(c *conn) error {
		err := c.Del(ldap.NewDelRequest(in.DN, nil))
		if in.MayBeGone && ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return nil
		}
		return err
	})
}

type renaming struct {
	DN        string `json:"dn" doc:"DN of the entry"`
	NewRDN    string `json:"newRDN" doc:"its new name below its parent, such as cn=Ada"`
	NewParent string `json:"newParent,omitempty" doc:"DN of its new parent; the old one unless given"`
	KeepOld   bool   `json:"keepOld,omitempty" doc:"keep the old name as a value"`
}

func rename(ctx context.Context, call *adapters.Call, in renaming) (done, error) {
	d := adapters.Client[*directory](call)
	if err := d.below("/dn", in.DN); err != nil {
		return done{}, err
	}
	dn, err := ldap.ParseDN(in.DN)
	if err != nil {
		return done{}, network.Wrong("/dn is not a DN: %v", err)
	}
	rdn, err := ldap.ParseDN(in.NewRDN)
	if err != nil || len(rdn.RDNs) != 1 {
		return done{}, network.Wrong("/newRDN must be one name, such as cn=Ada, not %q", in.NewRDN)
	}
	parent := (&ldap.DN{RDNs: dn.RDNs[1:]}).String()
	if in.NewParent != "" {
		if err := d.below("/newParent", in.NewParent); err != nil {
			return done{}, err
		}
		parent = in.NewParent
	}
	r := ldap.NewModifyDNRequest(in.DN, in.NewRDN, !in.KeepOld, in.NewParent)
	return done{in.NewRDN + "," + parent}, write(ctx, call, func(c *conn) error { return c.ModifyDN(r) })
}
