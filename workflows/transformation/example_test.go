package transformation_test

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

func ExampleTransformation_Run() {
	doc := value.MustParse(`{
		"name": "Host names",
		"incoming": [{"$id": "devices", "type": "array"}, {"$id": "domain", "type": "string"}],
		"outgoing": [{"$id": "names", "type": "string"}],
		"steps": [
			{"id": 1, "type": "method", "library": "Array", "method": "map", "args": [null, "qualify", null]},
			{"id": 2, "type": "assign", "from": {"location": "incoming", "name": "devices", "ptr": ""}, "to": {"location": "method", "name": 1, "ptr": "/args/0/value"}},
			{"id": 3, "type": "assign", "from": {"location": "incoming", "name": "domain", "ptr": ""}, "to": {"location": "method", "name": 1, "ptr": "/args/2/value"}},
			{"id": 4, "type": "method", "library": "Array", "method": "join", "args": [null, ", "]},
			{"id": 5, "type": "assign", "from": {"location": "method", "name": 1, "ptr": "/return"}, "to": {"location": "method", "name": 4, "ptr": "/args/0/value"}},
			{"id": 6, "type": "assign", "from": {"location": "method", "name": 4, "ptr": "/return"}, "to": {"location": "outgoing", "name": "names", "ptr": ""}}
		],
		"functions": [{
			"id": "qualify",
			"incoming": [{"$id": "device"}, {"$id": "domain", "isConstValue": true}],
			"outgoing": [{"$id": "name"}],
			"steps": [
				{"id": 1, "type": "template", "template": "${host}.${domain}", "args": [null, null]},
				{"id": 2, "type": "assign", "from": {"location": "incoming", "name": "device", "ptr": "/host"}, "to": {"location": "template", "name": 1, "ptr": "/args/0/value"}},
				{"id": 3, "type": "assign", "from": {"location": "incoming", "name": "domain", "ptr": ""}, "to": {"location": "template", "name": 1, "ptr": "/args/1/value"}},
				{"id": 4, "type": "assign", "from": {"location": "template", "name": 1, "ptr": "/return"}, "to": {"location": "outgoing", "name": "name", "ptr": ""}}
			]
		}]
	}`)
	t, err := transformation.Parse(doc)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := t.Run(value.MustParse(`{"devices": [{"host": "r1"}, {"host": "r2"}], "domain": "example.org"}`), transformation.Options{})
	fmt.Println(out, err)
	// Output: {"names":"r1.example.org, r2.example.org"} <nil>
}
