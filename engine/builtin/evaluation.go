package builtin

import (
	"regexp"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/value"
)

// evaluate ends in success when the comparisons hold and in failure when not.
func evaluate(c *Call) engine.Outcome {
	holds, err := evaluateGroups(c.Incoming.Get("evaluation_groups"), c.Incoming.Get("all_true_flag").Truth())
	switch {
	case err != nil:
		return failed(err)
	case holds:
		return engine.Succeed("return_value", value.True)
	}
	return engine.Outcome{State: workflows.Failure}
}

func evaluateGroups(groups value.Value, all bool) (bool, error) {
	return combine(groups.Len(), all, func(i int) (bool, error) {
		g := groups.At(i)
		items := g.Get("evaluations")
		if !items.IsArray() {
			return false, badInput("group %d must have an array \"evaluations\", not %s", i, kindOf(items))
		}
		return combine(items.Len(), isTrue(g.Get("all_true_flag")), func(k int) (bool, error) {
			holds, err := compareItem(items.At(k))
			if err != nil {
				return false, badInput("/evaluation_groups/%d/evaluations/%d: %s", i, k, err)
			}
			return holds, nil
		})
	})
}

// isTrue also takes the text, which is how some editors write a flag.
func isTrue(v value.Value) bool { return v.Truth() || v.Text() == "true" }

// combine is all or any of n. It looks at every one, so that a mistake never hides.
func combine(n int, all bool, holds func(i int) (bool, error)) (bool, error) {
	result := all
	for i := range n {
		ok, err := holds(i)
		if err != nil {
			return false, err
		}
		if all {
			result = result && ok
		} else {
			result = result || ok
		}
	}
	return result, nil
}

func compareItem(e value.Value) (bool, error) {
	left, err := selected(e.Get("operand_1"), e.Get("query"))
	if err != nil {
		return false, err
	}
	right, err := selected(e.Get("operand_2"), e.Get("rightQuery"))
	if err != nil {
		return false, err
	}
	switch op := e.Get("operator").Text(); op {
	case "==":
		return looselyEqual(left, right), nil
	case "!=":
		return !looselyEqual(left, right), nil
	case "contains":
		return includes(left, right), nil
	case "!contains":
		return !includes(left, right), nil
	case "<", "<=", ">", ">=":
		return ordered(op, left, right), nil
	default:
		return false, badInput("the operator must be one of %q, not %q", workflows.Operators(), clip(op))
	}
}

// selected is the part of an operand that a query names, null when there is none. Nothing
// stays nothing.
func selected(v, query value.Value) (value.Value, error) {
	if query.Text() == "" || v.IsAbsent() {
		return v, nil
	}
	found, _, err := jsonquery.Select(v, query.Text())
	if err != nil {
		return value.Absent, badInput("%s", err)
	}
	return found, nil
}

// looselyEqual compares containers by what is in them and scalars as JavaScript's == does.
func looselyEqual(a, b value.Value) bool {
	switch {
	case a.IsNothing() || b.IsNothing():
		return a.IsNothing() && b.IsNothing()
	case a.Kind() == b.Kind():
		return value.Equal(a, b)
	case !isScalar(a) || !isScalar(b):
		return false
	}
	x, ok := scalarNumber(a)
	y, ok2 := scalarNumber(b)
	return ok && ok2 && x == y
}

func isScalar(v value.Value) bool { return v.IsBool() || v.IsNumber() || v.IsString() }

// scalarNumber is JavaScript's conversion of a boolean, number or text.
func scalarNumber(v value.Value) (float64, bool) {
	switch {
	case v.IsBool():
		return float64(boolInt(v.Truth())), true
	case v.IsString() && strings.TrimSpace(v.Text()) == "":
		return 0, true
	}
	return number(v)
}

func ordered(op string, a, b value.Value) bool {
	order := 0
	x, ok := number(a)
	y, ok2 := number(b)
	switch {
	case ok && ok2:
		switch {
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
	case a.IsString() && b.IsString():
		order = compareText(a.Text(), b.Text())
	default:
		return false
	}
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// includes searches a text for a regular expression, or for the text itself when it is none,
// an array for an element and an object for a key.
func includes(a, b value.Value) bool {
	switch {
	case a.IsString() && (b.IsString() || b.IsNumber() || b.IsBool()):
		re, err := regexp.Compile(text(b))
		if err != nil {
			return strings.Contains(a.Text(), text(b))
		}
		return re.MatchString(a.Text())
	case a.IsArray():
		for _, e := range a.Elements() {
			if value.Equal(e, b) || b.IsAbsent() && e.IsNull() {
				return true
			}
		}
	case a.IsObject():
		return isScalar(b) && a.Has(text(b))
	}
	return false
}
