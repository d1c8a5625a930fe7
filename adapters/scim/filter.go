package scim

import (
	"regexp"
	"strings"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// condition is one comparison of a filter.
type condition struct {
	Attribute string      `json:"attribute" doc:"path of the attribute, such as name.familyName"`
	Op        string      `json:"op,omitempty" enum:"co,eq,ew,ge,gt,le,lt,ne,pr,sw" doc:"as SCIM names it; eq unless given"`
	Value     value.Value `json:"value,omitzero" doc:"what the attribute is compared with"`
}

// attributePath is a name with at most one name below it, after the URN of its schema, if any.
var attributePath = regexp.MustCompile(`^(urn:[A-Za-z0-9:._-]+:)?[A-Za-z$][A-Za-z0-9_$-]*(\.[A-Za-z$][A-Za-z0-9_$-]*)?$`)

// maxFilter bounds a filter in bytes.
const maxFilter = 16 << 10

// chosen is the filter of a call, from text or from conditions.
func chosen(filter string, where []condition) (string, error) {
	if filter != "" && where != nil {
		return "", network.Wrong("give either /filter or /where")
	}
	var parts []string
	for i, c := range where {
		op := c.Op
		if op == "" {
			op = "eq"
		}
		switch {
		case !attributePath.MatchString(c.Attribute):
			return "", network.Wrong("/where/%d/attribute must be the path of an attribute, not %q", i, c.Attribute)
		case op == "pr":
			parts = append(parts, c.Attribute+" pr")
			continue
		case c.Value.IsObject(), c.Value.IsArray(), c.Value.IsAbsent():
			return "", network.Wrong("/where/%d/value must be a text, a number, a boolean or null", i)
		}
		parts = append(parts, c.Attribute+" "+op+" "+c.Value.String()) // a JSON value, which escapes what must be
	}
	if where != nil {
		filter = strings.Join(parts, " and ")
	}
	if len(filter) > maxFilter {
		return "", network.Wrong("the filter must not be longer than %d bytes", maxFilter)
	}
	return filter, nil
}
