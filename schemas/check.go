package schemas

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/heddlehq/heddle/workflows/value"
)

// Violation is one way in which a value breaks a schema, in the words of AJV.
type Violation struct {
	Keyword      string `json:"keyword"`
	InstancePath string `json:"instancePath"` // JSON pointer into the value
	SchemaPath   string `json:"schemaPath"`   // "#" and a JSON pointer into the schema
	Message      string `json:"message"`
}

func (v *Violation) Error() string {
	if v.InstancePath == "" {
		return v.Message
	}
	return v.InstancePath + " " + v.Message
}

// Check lists every way in which v breaks the schema; none means that v is valid. Absent
// counts as null.
func (s *Schema) Check(v value.Value) []Violation {
	err := s.compiled.Validate(plain(v))
	if err == nil {
		return nil
	}
	broken, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []Violation{{Keyword: "$ref", SchemaPath: "#", Message: err.Error()}}
	}
	c := &checker{schema: s, root: v}
	c.walk(broken)
	return c.out
}

type checker struct {
	schema *Schema
	root   value.Value
	out    []Violation
}

func (c *checker) walk(e *jsonschema.ValidationError) {
	for _, cause := range e.Causes {
		c.walk(cause)
	}
	_, fragment, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	tokens := unescape(fragment)
	at := unescape(e.InstanceLocation)
	if len(e.Causes) == 0 || ownKeyword(tokens) {
		c.violation(tokens, at, e)
	}
}

// ownKeyword tells whether a keyword with violations below it is one of its own.
func ownKeyword(tokens []string) bool {
	return len(tokens) > 0 && slices.Contains([]string{"anyOf", "contains", "minContains", "not", "oneOf"}, tokens[len(tokens)-1])
}

// unescape splits a location of the validator, whose tokens are escaped for addresses too.
func unescape(location string) []string {
	tokens, err := value.SplitPointer(location)
	if err != nil {
		return nil
	}
	for i, t := range tokens {
		if plain, err := url.PathUnescape(t); err == nil {
			tokens[i] = plain
		}
	}
	return tokens
}

func join(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString("/" + value.EscapePointer(t))
	}
	return b.String()
}

func (c *checker) violation(tokens, at []string, e *jsonschema.ValidationError) {
	keyword := "false schema"
	if e.Message != "not allowed" {
		keyword = ""
		if n := len(tokens); n >= 3 && tokens[n-3] == "dependentRequired" {
			tokens = tokens[:n-2]
		}
		for i := len(tokens) - 1; i >= 0 && keyword == ""; i-- {
			if keywords[tokens[i]] != nil || tokens[i] == "$ref" {
				keyword, tokens = tokens[i], tokens[:i+1]
			}
		}
	}
	holder := c.schema.doc
	if keyword != "false schema" && len(tokens) > 0 {
		holder = holder.Lookup(join(tokens[:len(tokens)-1]))
	}
	in := c.root.Lookup(join(at))
	for _, message := range messages(keyword, holder, in, e.Message) {
		out := Violation{Keyword: keyword, InstancePath: join(at), SchemaPath: "#" + c.source(tokens), Message: message}
		if keyword == "false schema" {
			out.SchemaPath += "/false schema"
		}
		if !slices.Contains(c.out, out) {
			c.out = append(c.out, out)
		}
	}
}

// source gives a place of the compiled schema as a place of the one that was written.
func (c *checker) source(tokens []string) string {
	if len(tokens) >= 2 && tokens[0] == "$defs" {
		if i, err := strconv.Atoi(tokens[1]); err == nil && i < len(c.schema.origin) {
			return c.schema.origin[i] + join(tokens[2:])
		}
	}
	return join(tokens)
}

// messages says what is wrong; holder is the schema that the keyword belongs to. Keywords
// that name several properties give a message for each.
func messages(keyword string, holder, in value.Value, fallback string) []string {
	rule := holder.Get(keyword)
	one := func(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
	switch keyword {
	case "additionalProperties":
		return others(holder, in)
	case "anyOf":
		return one("must match a schema in anyOf")
	case "const":
		return one("must be equal to constant")
	case "contains", "minContains":
		return one("must contain at least %d valid item(s)", max(1, int(holder.Get("minContains").Float())))
	case "dependentRequired":
		var out []string
		for name, needs := range rule.Members() {
			for _, need := range needs.Elements() {
				if in.Has(name) && !in.Has(need.Text()) {
					out = append(out, fmt.Sprintf("must have property %s when property %s is present", need.Text(), name))
				}
			}
		}
		return out
	case "enum":
		return one("must be equal to one of the allowed values")
	case "exclusiveMaximum":
		return one("must be < %s", rule)
	case "exclusiveMinimum":
		return one("must be > %s", rule)
	case "false schema":
		return one("boolean schema is false")
	case "format":
		return one("must match format %q", rule.Text())
	case "maxItems":
		return one("must NOT have more than %s items", rule)
	case "maxLength":
		return one("must NOT have more than %s characters", rule)
	case "maxProperties":
		return one("must NOT have more than %s properties", rule)
	case "maximum":
		return one("must be <= %s", rule)
	case "minItems":
		return one("must NOT have fewer than %s items", rule)
	case "minLength":
		return one("must NOT have fewer than %s characters", rule)
	case "minProperties":
		return one("must NOT have fewer than %s properties", rule)
	case "minimum":
		return one("must be >= %s", rule)
	case "multipleOf":
		return one("must be multiple of %s", rule)
	case "not":
		return one("must NOT be valid")
	case "oneOf":
		return one("must match exactly one schema in oneOf")
	case "pattern":
		return one("must match pattern %s", value.String(rule.Text()))
	case "required":
		var out []string
		for _, name := range rule.Elements() {
			if !in.Has(name.Text()) {
				out = append(out, fmt.Sprintf("must have required property '%s'", name.Text()))
			}
		}
		return out
	case "type":
		if rule.IsString() {
			return one("must be %s", rule.Text())
		}
		var names []string
		for _, t := range rule.Elements() {
			names = append(names, t.Text())
		}
		return one("must be %s", strings.Join(names, ","))
	case "uniqueItems":
		return one("must NOT have duplicate items (%s)", fallback)
	}
	return []string{fallback}
}

// others names each property that the schema does not allow.
func others(holder, in value.Value) []string {
	var out []string
	for _, key := range in.Keys() {
		matched := slices.ContainsFunc(holder.Get("patternProperties").Keys(), func(p string) bool {
			re, err := regexp.Compile(p)
			return err == nil && re.MatchString(key)
		})
		if !matched && !holder.Get("properties").Has(key) {
			out = append(out, fmt.Sprintf("must NOT have additional properties: '%s'", key))
		}
	}
	return out
}
