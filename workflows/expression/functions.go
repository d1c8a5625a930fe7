package expression

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"

	"github.com/heddlehq/heddle/workflows/value"
)

type function = func(args ...any) (any, error)

// functions are all that a formula can call, and what the meter puts in place of operators.
// Each takes the run first.
var functions = func() map[string]function {
	out := map[string]function{}
	for _, b := range builtin.Builtins {
		if !b.Predicate {
			out[b.Name] = charged(b)
		}
	}
	own := map[string]func(r *run, args []any) (any, error){
		"+":             add,
		"concat":        concat,
		"fromJSON":      fromJSON,
		"join":          join,
		"keys":          keys,
		"matches":       matches,
		"now":           now,
		"repeat":        repeat,
		"replace":       replace,
		"toPairs":       toPairs,
		"values":        values,
		"weigh":         func(r *run, args []any) (any, error) { return args[0], r.weigh(args[0]) },
		"another round": func(r *run, args []any) (any, error) { return args[0], r.spend(4) },
	}
	for name, f := range own {
		out[name] = func(args ...any) (any, error) { return f(args[0].(*run), args[1:]) }
	}
	return out
}()

// light are the functions that do not walk their arguments.
var light = map[string]bool{
	"len": true, "type": true, "abs": true, "ceil": true, "floor": true, "int": true, "float": true,
	"first": true, "last": true, "get": true, "take": true,
}

// charged is a function of the language behind the budget.
func charged(b *builtin.Function) function {
	return func(args ...any) (any, error) {
		r, args := args[0].(*run), args[1:]
		if err := r.spend(4); err != nil {
			return nil, err
		}
		for _, a := range args {
			if s, ok := a.(string); ok && s == "Local" {
				return nil, errors.New(`the time zone "Local" differs from place to place`)
			}
			if light[b.Name] {
				continue
			}
			if err := r.weigh(a); err != nil {
				return nil, err
			}
		}
		switch {
		case b.Func != nil:
			return b.Func(args...)
		case b.Safe != nil:
			out, size, err := b.Safe(args...)
			if err == nil {
				err = r.spend(int(size))
			}
			return out, err
		case len(args) != 1:
			return nil, fmt.Errorf("%s takes one argument, not %d", b.Name, len(args))
		}
		return b.Fast(args[0]), nil
	}
}

func add(r *run, args []any) (any, error) {
	a, ok := args[0].(string)
	b, ok2 := args[1].(string)
	if !ok || !ok2 {
		return runtime.Add(args[0], args[1]), r.spend(1)
	}
	if err := r.spend(1 + (len(a)+len(b))/8); err != nil {
		return nil, err
	}
	return a + b, nil
}

func matches(r *run, args []any) (any, error) {
	if args[0] == nil || args[1] == nil {
		return false, nil
	}
	text, ok := args[0].(string)
	pattern, ok2 := args[1].(string)
	if !ok || !ok2 {
		return nil, fmt.Errorf("matches compares two strings, not %T and %T", args[0], args[1])
	}
	re := r.regexes[pattern]
	if re == nil {
		if err := r.spend(5_000 + 20*len(pattern)); err != nil {
			return nil, err
		}
		var err error
		if re, err = regexp.Compile(pattern); err != nil {
			return nil, err
		}
		if r.regexes == nil {
			r.regexes = map[string]*regexp.Regexp{}
		}
		r.regexes[pattern] = re
	}
	// Matching takes time proportional to the text and the size of the pattern, in which
	// repetitions count as often as they say: the compiler allows up to a thousand.
	size := 1 + len(pattern)
	if strings.Contains(pattern, "{") {
		size += 1_000
	}
	if err := r.spend(10 + len(text)*(1+size/8)); err != nil {
		return nil, err
	}
	return re.MatchString(text), nil
}

func texts(name string, args []any, least, most int) ([]string, error) {
	if len(args) < least || len(args) > most {
		return nil, fmt.Errorf("%s takes %d to %d arguments, not %d", name, least, most, len(args))
	}
	out := make([]string, len(args))
	for i, a := range args {
		s, ok := a.(string)
		if !ok {
			return nil, fmt.Errorf("argument %d of %s must be a string, not %T", i+1, name, a)
		}
		out[i] = s
	}
	return out, nil
}

func repeat(r *run, args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("repeat takes 2 arguments, not %d", len(args))
	}
	s, err := texts("repeat", args[:1], 1, 1)
	if err != nil {
		return nil, err
	}
	n := runtime.ToInt(args[1])
	if n < 0 {
		return nil, fmt.Errorf("repeat cannot repeat %d times", n)
	}
	if n > 8*maxWork {
		n = 8 * maxWork
	}
	if err := r.spend(1 + len(s[0])*n/8); err != nil {
		return nil, err
	}
	return strings.Repeat(s[0], n), nil
}

func replace(r *run, args []any) (any, error) {
	limit := -1
	if len(args) == 4 {
		limit = runtime.ToInt(args[3])
		args = args[:3]
	}
	s, err := texts("replace", args, 3, 3)
	if err != nil {
		return nil, err
	}
	if err := r.weigh(s[0]); err != nil {
		return nil, err
	}
	if err := r.spend(1 + (len(s[0])+strings.Count(s[0], s[1])*len(s[2]))/8); err != nil {
		return nil, err
	}
	return strings.Replace(s[0], s[1], s[2], limit), nil
}

func join(r *run, args []any) (any, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, fmt.Errorf("join takes 1 to 2 arguments, not %d", len(args))
	}
	if err := r.weigh(args[0]); err != nil {
		return nil, err
	}
	sep := ""
	if len(args) == 2 {
		s, err := texts("join", args[1:], 1, 1)
		if err != nil {
			return nil, err
		}
		sep = s[0]
	}
	var parts []string
	switch list := args[0].(type) {
	case []string:
		parts = list
	case []any:
		for i, e := range list {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("element %d to join must be a string, not %T", i, e)
			}
			parts = append(parts, s)
		}
	default:
		return nil, fmt.Errorf("join takes an array, not %T", args[0])
	}
	if err := r.spend(1 + len(sep)*len(parts)/8); err != nil {
		return nil, err
	}
	return strings.Join(parts, sep), nil
}

func concat(r *run, args []any) (any, error) {
	var out []any
	for i, a := range args {
		n := 0
		switch list := a.(type) {
		case []any:
			n = len(list)
		case []int:
			n = len(list)
		case []string:
			n = len(list)
		default:
			return nil, fmt.Errorf("argument %d of concat must be an array, not %T", i+1, a)
		}
		if err := r.spend(1 + n); err != nil {
			return nil, err
		}
		switch list := a.(type) {
		case []any:
			out = append(out, list...)
		case []int:
			for _, e := range list {
				out = append(out, e)
			}
		case []string:
			for _, e := range list {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

func fromJSON(r *run, args []any) (any, error) {
	s, err := texts("fromJSON", args, 1, 1)
	if err != nil {
		return nil, err
	}
	if err := r.spend(1 + len(s[0])/2); err != nil {
		return nil, err
	}
	v, err := value.Parse([]byte(s[0]))
	if err != nil {
		return nil, err
	}
	return r.plain(v), nil
}

// now is the time that the environment says it is.
func now(r *run, args []any) (any, error) {
	if len(args) > 0 {
		return nil, errors.New("now takes no arguments")
	}
	if ms, ok := r.now.Int(); ok {
		return time.UnixMilli(ms).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, r.now.Text())
	if err != nil {
		return nil, errors.New(`now() needs the time as the variable "now"`)
	}
	return t.UTC(), nil
}

func sortedKeys(r *run, name string, args []any) (map[string]any, []string, error) {
	if len(args) != 1 {
		return nil, nil, fmt.Errorf("%s takes 1 argument, not %d", name, len(args))
	}
	m, ok := args[0].(map[string]any)
	if !ok {
		return nil, nil, fmt.Errorf("%s takes an object, not %T", name, args[0])
	}
	if err := r.spend(1 + 4*len(m)); err != nil {
		return nil, nil, err
	}
	return m, slices.Sorted(maps.Keys(m)), nil
}

func keys(r *run, args []any) (any, error) {
	_, names, err := sortedKeys(r, "keys", args)
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = k
	}
	return out, err
}

func values(r *run, args []any) (any, error) {
	m, names, err := sortedKeys(r, "values", args)
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = m[k]
	}
	return out, err
}

func toPairs(r *run, args []any) (any, error) {
	m, names, err := sortedKeys(r, "toPairs", args)
	out := make([]any, len(names))
	for i, k := range names {
		out[i] = []any{k, m[k]}
	}
	return out, err
}
