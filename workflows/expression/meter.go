package expression

import (
	"fmt"
	"maps"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// Names that the language cannot spell, so that no formula can call or read them.
const hiddenRun = " run"

func hidden(name string) string { return " " + name }

// meter rewrites a formula so that everything it does passes the run's budget: functions are
// replaced by charged ones, loop bodies report each round, and operators that walk their
// operands announce them first.
type meter struct {
	text  string
	names map[string]bool
	err   error
}

// predicates are the functions that loop; the others are called.
var predicates = map[string]bool{
	"all": true, "none": true, "any": true, "one": true, "filter": true, "map": true, "find": true,
	"findIndex": true, "findLast": true, "findLastIndex": true, "count": true, "sum": true,
	"groupBy": true, "sortBy": true, "reduce": true,
}

// Visit implements ast.Visitor. Children come before their parents.
func (m *meter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			m.fail(n, "the environment cannot be used as a whole")
		}
		m.names[n.Value] = true
	case *ast.BuiltinNode:
		if predicates[n.Name] {
			n.Arguments[0] = call("weigh", n.Arguments[0])
			return
		}
		patch(node, call(n.Name, n.Arguments...))
	case *ast.PredicateNode:
		n.Node = call("another round", n.Node)
	case *ast.BinaryNode:
		switch n.Operator {
		case "+", "matches":
			patch(node, call(n.Operator, n.Left, n.Right))
		case "==", "!=", "in", "not in", "contains", "startsWith", "endsWith", "<", "<=", ">", ">=":
			n.Left, n.Right = call("weigh", n.Left), call("weigh", n.Right)
		}
	case *ast.CallNode:
		m.call(n)
	}
}

// call allows methods only of values that the language itself makes, which are dates.
func (m *meter) call(n *ast.CallNode) {
	switch callee := n.Callee.(type) {
	case *ast.MemberNode:
		if name, ok := callee.Property.(*ast.StringNode); ok && dateMethods[name.Value] {
			return
		}
		m.fail(n, "only functions and the methods of dates can be called")
	case *ast.IdentifierNode:
		m.fail(n, fmt.Sprintf("there is no function %q", callee.Value))
	default:
		m.fail(n, "only functions can be called by name")
	}
}

// dateMethods depend on nothing but the date.
var dateMethods = map[string]bool{
	"Add": true, "AddDate": true, "After": true, "Before": true, "Compare": true, "Day": true,
	"Equal": true, "Format": true, "Hour": true, "Hours": true, "Minute": true, "Minutes": true,
	"Milliseconds": true, "Month": true, "Second": true, "Seconds": true, "Sub": true,
	"Truncate": true, "UTC": true, "Unix": true, "UnixMilli": true, "Weekday": true, "Year": true,
	"YearDay": true,
}

func (m *meter) fail(n ast.Node, text string) {
	if m.err == nil {
		at := &file.Error{Location: n.Location(), Message: text}
		m.err = located(at.Bind(file.NewSource(m.text)))
	}
}

func (m *meter) sorted() []string { return slices.Sorted(maps.Keys(m.names)) }

func call(name string, args ...ast.Node) ast.Node {
	all := append([]ast.Node{&ast.IdentifierNode{Value: hiddenRun}}, args...)
	n := &ast.CallNode{Callee: &ast.IdentifierNode{Value: hidden(name)}, Arguments: all}
	if len(args) > 0 {
		n.SetLocation(args[0].Location())
	}
	return n
}

func patch(node *ast.Node, with ast.Node) {
	at := (*node).Location()
	ast.Patch(node, with)
	(*node).SetLocation(at)
}
