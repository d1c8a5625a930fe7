package ldap

import (
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// Condition is what entries are searched for: one of an attribute, all, any and not.
type Condition struct {
	Attribute string      `json:"attribute,omitempty" doc:"name of the attribute"`
	Op        string      `json:"op,omitempty" enum:"approx,contains,endsWith,equal,greaterOrEqual,lessOrEqual,present,startsWith" doc:"equal unless given"`
	Value     value.Value `json:"value,omitzero" doc:"what the attribute is compared with"`
	All       []Condition `json:"all,omitempty" doc:"conditions that must all hold"`
	Any       []Condition `json:"any,omitempty" doc:"conditions of which one must hold"`
	Not       *Condition  `json:"not,omitempty" doc:"a condition that must not hold"`
}

// attributeName is a name or an OID, with options.
var attributeName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)*)(;[A-Za-z0-9-]+)*$`)

// Bounds of a filter.
const (
	maxFilter = 64 << 10
	maxDepth  = 30
)

// filter is the filter of a condition; where is its place in the parameters.
func (c *Condition) filter(where string, depth int) (string, error) {
	kinds := 0
	for _, given := range []bool{c.Attribute != "", c.All != nil, c.Any != nil, c.Not != nil} {
		if given {
			kinds++
		}
	}
	switch {
	case depth > maxDepth:
		return "", network.Wrong("%s lies more than %d deep", where, maxDepth)
	case kinds != 1:
		return "", network.Wrong("%s must have one of attribute, all, any and not", where)
	case c.All != nil:
		return several("&", where+"/all", c.All, depth)
	case c.Any != nil:
		return several("|", where+"/any", c.Any, depth)
	case c.Not != nil:
		inner, err := c.Not.filter(where+"/not", depth+1)
		return "(!" + inner + ")", err
	case !attributeName.MatchString(c.Attribute):
		return "", network.Wrong("%s/attribute must be the name of an attribute, not %q", where, c.Attribute)
	case c.Op == "present":
		return "(" + c.Attribute + "=*)", nil
	}
	text, err := plain(where+"/value", c.Value)
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", network.Wrong("%s/value must not be empty", where)
	}
	text = ldap.EscapeFilter(text)
	switch c.Op {
	case "contains":
		text = "=*" + text + "*"
	case "endsWith":
		text = "=*" + text
	case "startsWith":
		text = "=" + text + "*"
	case "approx":
		text = "~=" + text
	case "greaterOrEqual":
		text = ">=" + text
	case "lessOrEqual":
		text = "<=" + text
	case "", "equal":
		text = "=" + text
	default:
		return "", network.Wrong("%s/op %q is not known", where, c.Op)
	}
	return "(" + c.Attribute + text + ")", nil
}

func several(op, where string, all []Condition, depth int) (string, error) {
	if len(all) == 0 {
		return "", network.Wrong("%s must not be empty", where)
	}
	var b strings.Builder
	b.WriteString("(" + op)
	for i := range all {
		inner, err := all[i].filter(where+"/"+value.Int(int64(i)).String(), depth+1)
		if err != nil {
			return "", err
		}
		b.WriteString(inner)
	}
	b.WriteString(")")
	return b.String(), nil
}

// plain is a text, number or boolean as directories write it.
func plain(where string, v value.Value) (string, error) {
	switch {
	case v.IsString():
		return v.Text(), nil
	case v.IsBool():
		return strings.ToUpper(v.String()), nil
	case v.IsNumber():
		return v.String(), nil
	}
	return "", network.Wrong("%s must be a text, a number or a boolean, not %s", where, v.Kind())
}

// checkFilter checks a filter that is given as text.
func checkFilter(text string) error {
	if len(text) > maxFilter {
		return network.Wrong("/filter must not be longer than %d bytes", maxFilter)
	}
	if _, err := ldap.CompileFilter(text); err != nil {
		return network.Wrong("/filter is not an LDAP filter: %v", err)
	}
	return nil
}
