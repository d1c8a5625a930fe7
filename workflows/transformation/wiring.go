package transformation

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// wiring connects the steps of one unit.
type wiring struct {
	*parser
	unit  *unit
	byID  map[string]int    // the step of an id
	kinds map[string]string // and its type as written

	outgoing value.Value // the schemas
}

// assign reads {from, to}, each {location, name, ptr}.
func (w *wiring) assign(s value.Value, pointer string) {
	within := w.branch(s.Get("context"), pointer+"/context")
	from, ok := w.source(s.Get("from"), pointer+"/from")
	from.within = within
	to := s.Get("to")
	tokens, err := value.SplitPointer(to.Get("ptr").Text())
	if err != nil {
		w.problem(pointer+"/to/ptr", "reference", "%s", err)
		return
	}
	location := to.Get("location").Text()
	if location == "outgoing" {
		w.output(to, tokens, from, ok, pointer)
		return
	}
	i, known := w.target(to, pointer+"/to")
	if !known || !ok {
		return
	}
	if len(tokens) == 1 && tokens[0] == "context" {
		return // says once more which branch the step is in
	}
	n, ok := argIndex(tokens)
	if !ok {
		w.problem(pointer+"/to/ptr", "reference", "/args/N/value or /context expected, got %s", to.Get("ptr"))
		return
	}
	st := &w.unit.steps[i]
	for len(st.args) <= n {
		st.args = append(st.args, arg{})
	}
	st.args[n].sources = append(st.args[n].sources, from)
}

func (w *wiring) output(to value.Value, tokens []string, from source, ok bool, pointer string) {
	name := to.Get("name").Text()
	i := slices.IndexFunc(w.unit.outputs, func(o output) bool { return o.id == name })
	if i < 0 {
		w.problem(pointer+"/to/name", "reference", "there is no outgoing value %q", name)
	}
	if i >= 0 && ok {
		w.unit.outputs[i].parts = append(w.unit.outputs[i].parts, part{from: from, path: tokens})
	}
}

// target finds the step an assign leads to.
func (w *wiring) target(end value.Value, pointer string) (int, bool) {
	location, id := end.Get("location").Text(), text(end.Get("name"))
	switch location {
	case "context", "declaration", "function", "method", "template":
	default:
		w.problem(pointer+"/location", "unknown", "unknown location %q: context, declaration, function, method, template or outgoing expected", location)
		return 0, false
	}
	return w.find(location, id, pointer)
}

func (w *wiring) find(location, id, pointer string) (int, bool) {
	i, ok := w.byID[id]
	if !ok || w.kinds[id] != location {
		w.problem(pointer+"/name", "reference", "there is no %s step %q", location, id)
		return 0, false
	}
	return i, true
}

// source finds where an assign begins.
func (w *wiring) source(end value.Value, pointer string) (source, bool) {
	tokens, err := value.SplitPointer(end.Get("ptr").Text())
	if err != nil {
		w.problem(pointer+"/ptr", "reference", "%s", err)
		return source{}, false
	}
	switch location := end.Get("location").Text(); location {
	case "incoming":
		name := end.Get("name").Text()
		i := slices.IndexFunc(w.unit.params, func(p param) bool { return p.id == name })
		if i < 0 {
			w.problem(pointer+"/name", "reference", "there is no incoming value %q", name)
		}
		return source{param: i, path: tokens}, i >= 0
	case "context", "declaration", "function", "method", "template":
		i, ok := w.find(location, text(end.Get("name")), pointer)
		if len(tokens) == 0 || tokens[0] != "return" {
			w.problem(pointer+"/ptr", "reference", "/return or a place below it expected, got %s", end.Get("ptr"))
			return source{}, false
		}
		return source{param: -1, step: i, path: tokens[1:]}, ok
	default:
		w.problem(pointer+"/location", "unknown", "unknown location %q: context, declaration, function, incoming, method or template expected", location)
		return source{}, false
	}
}

var limbText = regexp.MustCompile(`^([^\[\]]+)\[([^\[\]]+)\]$`)

// branch reads a context: "#", or "#/24[2]" for the second case of the switch 24, and so on
// inwards. A case that the switch does not list is the default.
func (w *wiring) branch(v value.Value, pointer string) branch {
	path, rooted := strings.CutPrefix(v.Text(), "#")
	if v.IsNothing() || rooted && path == "" {
		return nil
	}
	if !rooted || !v.IsString() {
		w.problem(pointer, "reference", "\"#\" or a branch like \"#/24[2]\" expected, got %s", v)
		return nil
	}
	var b branch
	for _, token := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		parts := limbText.FindStringSubmatch(token)
		if parts == nil {
			w.problem(pointer, "reference", "a branch like \"#/24[2]\" expected, got %s", v)
			return nil
		}
		i, ok := w.byID[parts[1]]
		if !ok || w.kinds[parts[1]] != "context" {
			w.problem(pointer, "reference", "there is no context step %q", parts[1])
			return nil
		}
		n, err := strconv.Atoi(parts[2])
		if err != nil || n < 1 || n > len(w.unit.steps[i].cases) {
			n = 0
		}
		b = append(b, limb{i, n - 1})
	}
	return b
}

// finish does what needs all assigns: callbacks, the order of parts, the search for cycles.
func (w *wiring) finish() {
	for i := range w.unit.steps {
		st := &w.unit.steps[i]
		w.callback(w.unit, st)
		st.args = trim(st.args)
	}
	for i := range w.unit.outputs {
		o := &w.unit.outputs[i]
		for k := range o.parts {
			o.parts[k].arrays = containers(w.outgoing.At(i), o.parts[k].path)
		}
		slices.SortStableFunc(o.parts, func(a, b part) int { return len(a.path) - len(b.path) })
	}
	w.cycles()
}

// containers tells for each token whether it belongs to an array: as the schema says, else
// when it is a number.
func containers(schema value.Value, path []string) []bool {
	out := make([]bool, len(path))
	for i, token := range path {
		_, err := strconv.ParseUint(token, 10, 32)
		out[i] = err == nil && (token == "0" || token[0] != '0')
		switch t := schema.Get("type"); {
		case t.Text() == "object" || schema.Get("properties").Has(token):
			out[i] = false
		case t.Text() == "array":
			schema = schema.Get("items")
			continue
		}
		schema = schema.Get("properties").Get(token)
	}
	return out
}

// cycles reports steps that need their own result.
func (w *wiring) cycles() {
	const (
		open = 1
		done = 2
	)
	state := make([]byte, len(w.unit.steps))
	type visit struct{ step, next int }
	for root := range w.unit.steps {
		stack := []visit{{root, 0}}
		if state[root] == done {
			continue
		}
		state[root] = open
		needs := map[int][]int{root: w.needs(root)}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(needs[top.step]) {
				state[top.step] = done
				delete(needs, top.step)
				stack = stack[:len(stack)-1]
				continue
			}
			n := needs[top.step][top.next]
			top.next++
			switch state[n] {
			case open:
				st := w.unit.steps[top.step]
				w.problem(st.pointer, "cycle", "step %s needs its own result, by way of step %s", st.id, w.unit.steps[n].id)
				return
			case 0:
				state[n] = open
				needs[n] = w.needs(n)
				stack = append(stack, visit{n, 0})
			}
		}
	}
}

// needs lists the steps that step i may ask for.
func (w *wiring) needs(i int) []int {
	st := &w.unit.steps[i]
	var out []int
	limbs := func(b branch) {
		for _, l := range b {
			out = append(out, l.step)
		}
	}
	limbs(st.within)
	all := [][]arg{st.args}
	if st.callback != nil {
		all = append(all, st.callback.constants)
	}
	for _, args := range all {
		for _, a := range args {
			for _, s := range a.sources {
				limbs(s.within)
				if s.param < 0 {
					out = append(out, s.step)
				}
			}
		}
	}
	return out
}
