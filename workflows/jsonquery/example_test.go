package jsonquery_test

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/value"
)

func Example() {
	root := value.MustParse(`{
		"wanted": "ios",
		"devices": [
			{"name": "sw1", "os": "ios", "cpu": 12},
			{"name": "sw2", "os": "eos", "cpu": 80},
			{"name": "rtr1", "os": "ios", "cpu": 9}
		]
	}`)
	for _, query := range []string{
		`devices[0].name`,
		`devices[*os={wanted} & cpu<10].name`,
		`devices[os=nxos].name`,
		`devices[os=nxos].name|wanted`,
	} {
		v, found, err := jsonquery.Select(root, query)
		fmt.Println(v, found, err)
	}
	// Output:
	// "sw1" true <nil>
	// ["rtr1"] true <nil>
	// null false <nil>
	// "ios" true <nil>
}

func ExampleQuery_Replace() {
	q, err := jsonquery.Parse(`vlans[id=20].name`)
	if err != nil {
		fmt.Println(err)
		return
	}
	root := value.MustParse(`{"vlans":[{"id":10,"name":"users"},{"id":20,"name":"voice"}]}`)
	fmt.Println(q.Replace(root, value.String("phones")))
	// Output: {"vlans":[{"id":10,"name":"users"},{"id":20,"name":"phones"}]} true
}

func ExampleParse() {
	_, err := jsonquery.Parse(`devices[name=sw1`)
	fmt.Println(err)
	// Output: query "devices[name=sw1": at byte 7: unclosed "["
}
