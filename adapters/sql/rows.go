package sql

import (
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// rows gathers what a statement gives, up to a number and a size.
type rows struct {
	list      []value.Value
	columns   []string
	truncated bool
	most      int
	left      int64 // bytes
}

func (c *client) rows(most int) *rows {
	return &rows{list: []value.Value{}, columns: []string{}, most: most, left: c.MaxBytes}
}

// named takes the names of the columns; a second one of the same name gets a number.
func (r *rows) named(names []string) {
	taken := map[string]bool{}
	for _, name := range names {
		unique := name
		for n := 2; taken[unique]; n++ {
			unique = fmt.Sprintf("%s_%d", name, n)
		}
		taken[unique] = true
		r.columns = append(r.columns, unique)
	}
}

// full tells whether the next row is one too many.
func (r *rows) full() bool {
	r.truncated = len(r.list) >= r.most
	return r.truncated
}

func (r *rows) add(values []value.Value) error {
	var row value.Members
	for i, v := range values {
		row.Set(r.columns[i], v)
	}
	v := row.Value()
	if r.left -= int64(len(v.AppendJSON(nil))); r.left < 0 {
		return network.TooMuch("the rows are larger than the adapter instance allows")
	}
	r.list = append(r.list, v)
	return nil
}

// jsonOf is what a driver gives for a column. Bytes that are no text are in base64.
func jsonOf(x any) value.Value {
	switch x := x.(type) {
	case nil:
		return value.Null
	case bool:
		return value.Bool(x)
	case int64:
		return value.Int(x)
	case int32:
		return value.Int(int64(x))
	case int16:
		return value.Int(int64(x))
	case uint32:
		return value.Int(int64(x))
	case float32:
		return jsonOf(float64(x))
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return value.String(strconv.FormatFloat(x, 'g', -1, 64))
		}
		return value.Number(x)
	case string:
		return value.String(x)
	case []byte:
		if utf8.Valid(x) {
			return value.String(string(x))
		}
		return value.String(base64.StdEncoding.EncodeToString(x))
	case time.Time:
		return value.String(x.Format(time.RFC3339Nano))
	case [16]byte:
		return value.String(fmt.Sprintf("%x-%x-%x-%x-%x", x[:4], x[4:6], x[6:8], x[8:10], x[10:]))
	case []any:
		var list []value.Value
		for _, e := range x {
			list = append(list, jsonOf(e))
		}
		return value.Array(list...)
	case map[string]any:
		return value.Of(x)
	case json.Marshaler:
		if data, err := x.MarshalJSON(); err == nil {
			if v, err := value.Parse(data); err == nil {
				return v
			}
		}
	case driver.Valuer:
		if plain, err := x.Value(); err == nil {
			if _, again := plain.(driver.Valuer); !again {
				return jsonOf(plain)
			}
		}
	case fmt.Stringer:
		return value.String(x.String())
	}
	return value.String(fmt.Sprint(x))
}

// control are statements that end or nest the transaction in which each call runs.
var control = []string{"ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"}

// check refuses statements that would take the transaction out of our hands.
func (s *statement) check() error {
	word, _, _ := strings.Cut(strings.TrimLeft(s.SQL, " \t\r\n;("), " ")
	word = strings.ToUpper(strings.TrimRight(word, ";\r\n\t"))
	switch {
	case word == "":
		return network.Wrong("/sql must be a statement")
	case slices.Contains(control, word):
		return network.Wrong("/sql must not be %s: each call is a transaction of its own; see the method transaction", word)
	}
	return nil
}

// goOf is a parameter as drivers take it: a list of one kind as a slice, other lists and objects as JSON.
func goOf(v value.Value) any {
	switch {
	case v.IsNothing():
		return nil
	case v.IsBool():
		return v.Truth()
	case v.IsNumber():
		if n, ok := v.Int(); ok {
			return n
		}
		return v.Float()
	case v.IsString():
		return v.Text()
	}
	return v.String()
}
