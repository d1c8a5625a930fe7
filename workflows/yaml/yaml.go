// Package yaml reads YAML documents as JSON values, and writes values as YAML.
package yaml

import (
	"errors"
	"fmt"
	"math"

	goyaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/heddlehq/heddle/workflows/value"
)

// most bounds the values of a document, aliases counted as what they stand for.
const most = 1_000_000

// Parse reads one YAML document as JSON. Keys are taken as they are written, so that a
// task id such as 1e1 stays text. The error is a *value.SyntaxError.
func Parse(data []byte) (value.Value, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		if syntax, ok := errors.AsType[*goyaml.SyntaxError](err); ok {
			return value.Absent, problem(syntax.Token, "%s", syntax.Message)
		}
		return value.Absent, &value.SyntaxError{Line: 1, Column: 1, Reason: err.Error()}
	}
	switch {
	case len(file.Docs) > 1:
		return value.Absent, problem(file.Docs[1].GetToken(), "one document expected, another begins here")
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return value.Null, nil
	}
	r := &reader{anchors: make(map[string]anchored)}
	return r.value(file.Docs[0].Body, "", 0)
}

type reader struct {
	anchors map[string]anchored
	size    int
}

type anchored struct {
	value value.Value
	size  int
}

func problem(at *token.Token, format string, args ...any) error {
	e := &value.SyntaxError{Line: 1, Column: 1, Reason: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		e.Line, e.Column = at.Position.Line, at.Position.Column
	}
	return e
}

func (r *reader) value(n ast.Node, at string, depth int) (value.Value, error) {
	fail := func(format string, args ...any) (value.Value, error) {
		err := problem(n.GetToken(), format, args...)
		err.(*value.SyntaxError).Pointer = at
		return value.Absent, err
	}
	if r.size++; r.size > most {
		return fail("the document has more than %d values", most)
	}
	if depth > value.MaxDepth {
		return fail("the nesting is deeper than %d levels", value.MaxDepth)
	}
	switch n := n.(type) {
	case *ast.NullNode:
		return value.Null, nil
	case *ast.BoolNode:
		return value.Bool(n.Value), nil
	case *ast.IntegerNode:
		switch i := n.Value.(type) {
		case int64:
			return value.Int(i), nil
		case uint64:
			if i <= math.MaxInt64 {
				return value.Int(int64(i)), nil
			}
			return value.Number(float64(i)), nil
		}
		return fail("the number %s is too large", n.Token.Value)
	case *ast.FloatNode:
		if v, err := value.Parse([]byte(n.Token.Value)); err == nil && v.IsNumber() {
			return v, nil // as it is spelled: 1.0 is a version, too
		}
		return value.Number(n.Value), nil
	case *ast.StringNode:
		return value.String(n.Value), nil
	case *ast.LiteralNode:
		return value.String(n.Value.Value), nil
	case *ast.SequenceNode:
		list := make([]value.Value, 0, len(n.Values))
		for i, e := range n.Values {
			v, err := r.value(e, fmt.Sprintf("%s/%d", at, i), depth+1)
			if err != nil {
				return value.Absent, err
			}
			list = append(list, v)
		}
		return value.Array(list...), nil
	case *ast.MappingNode:
		return r.object(n.Values, at, depth)
	case *ast.MappingValueNode:
		return r.object([]*ast.MappingValueNode{n}, at, depth)
	case *ast.AnchorNode:
		before := r.size
		v, err := r.value(n.Value, at, depth)
		r.anchors[n.Name.GetToken().Value] = anchored{v, r.size - before}
		return v, err
	case *ast.AliasNode:
		a, ok := r.anchors[n.Value.GetToken().Value]
		if !ok {
			return fail("there is no anchor %q before this alias", n.Value.GetToken().Value)
		}
		r.size += a.size
		return a.value, nil
	case *ast.TagNode:
		if scalar, ok := n.Value.(ast.ScalarNode); ok && n.Start.Value == "!!str" {
			return value.String(scalar.GetToken().Value), nil
		}
		return fail("the tag %s is not supported; write the value as JSON would", n.Start.Value)
	case *ast.InfinityNode, *ast.NanNode:
		return fail("JSON has no number %s", n.GetToken().Value)
	}
	return fail("a value expected, got %q", n.GetToken().Value)
}

// object reads a mapping. Members that come in by a merge key give way to those written.
func (r *reader) object(pairs []*ast.MappingValueNode, at string, depth int) (value.Value, error) {
	var m value.Members
	var merged []value.Value
	seen := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		key := p.Key.GetToken().Value
		child := at + "/" + value.EscapePointer(key)
		v, err := r.value(p.Value, child, depth+1)
		if err != nil {
			return value.Absent, err
		}
		if p.Key.IsMergeKey() {
			merged = append(merged, v)
			continue
		}
		if seen[key] {
			err := problem(p.Key.GetToken(), "the key %q is there twice", key)
			err.(*value.SyntaxError).Pointer = at
			return value.Absent, err
		}
		seen[key] = true
		m.Set(key, v)
	}
	for _, from := range merged {
		for k, v := range from.Members() {
			if !seen[k] {
				seen[k] = true
				m.Set(k, v)
			}
		}
	}
	return m.Value(), nil
}

// Format writes a value as YAML.
func Format(v value.Value) ([]byte, error) { return goyaml.JSONToYAML(v.AppendJSON(nil)) }
