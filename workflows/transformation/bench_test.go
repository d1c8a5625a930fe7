package transformation_test

import (
	"fmt"
	"testing"

	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

// The grouping of a thousand records by a property, as documents do it: reduce, with
// getProperty, hasOwnProperty, ternary, push and setProperty in each round.
func BenchmarkRun_group(b *testing.B) {
	t := parse(b, unit("", "list", "groups",
		method(1, "Array", "reduce", `null,"group",{}`), "incoming list -> method 1 /args/0/value", "method 1 /return -> outgoing groups",
		unit("group", "groups record", "groups",
			method(1, "Object", "getProperty", `null,"site"`), "incoming record -> method 1 /args/0/value",
			method(2, "Object", "getProperty", "null,null"), "incoming groups -> method 2 /args/0/value", "method 1 /return -> method 2 /args/1/value",
			method(3, "Logical", "nullish", "null,[]"), "method 2 /return -> method 3 /args/0/value",
			method(4, "Array", "push", "null,null"), "method 3 /return -> method 4 /args/0/value", "incoming record -> method 4 /args/1/value",
			method(5, "Object", "setProperty", "null,null,null"), "incoming groups -> method 5 /args/0/value", "method 1 /return -> method 5 /args/1/value",
			"method 4 /return -> method 5 /args/2/value", "method 5 /return -> outgoing groups")))
	var list []value.Value
	for i := range 1000 {
		list = append(list, value.Object("site", value.String(fmt.Sprintf("site %d", i%20)), "name", value.String(fmt.Sprintf("router %d", i))))
	}
	in := value.Object("list", value.Array(list...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Run(in, transformation.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	var steps []string
	for i := range 100 {
		steps = append(steps, method(i+1, "String", "concat", `null,"x"`), fmt.Sprintf("incoming a -> method %d /args/0/value", i+1))
	}
	doc := value.MustParse(unit("", "a", "o", steps...))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := transformation.Parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}
