package expression

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// run is the state of one evaluation.
type run struct {
	left    int
	regexes map[string]*regexp.Regexp
	now     value.Value
	sources map[source]value.Value // what containers were made from
}

// source identifies a container of the evaluator by its memory.
type source struct {
	at  uintptr
	len int
}

type exhausted struct{ what string }

func (e exhausted) Error() string { return e.what }

// spend takes n units off the budget.
func (r *run) spend(n int) error {
	if r.left -= n; r.left < 0 || n < 0 {
		r.left = 0
		return exhausted{"the expression does too much work"}
	}
	return nil
}

// weigh spends what walking all of v costs.
func (r *run) weigh(v any) error {
	switch v := v.(type) {
	case string:
		return r.spend(1 + len(v)/8)
	case []any:
		if err := r.spend(1 + len(v)); err != nil {
			return err
		}
		for _, e := range v {
			if err := r.weigh(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := r.spend(2 + len(k)/8); err != nil {
				return err
			}
			if err := r.weigh(e); err != nil {
				return err
			}
		}
	case nil, bool, int, int64, float64, time.Time, time.Duration:
		return r.spend(1)
	default:
		return r.weighOther(reflect.ValueOf(v))
	}
	return nil
}

func (r *run) weighOther(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		if err := r.spend(1 + v.Len()); err != nil {
			return err
		}
		if k := v.Type().Elem().Kind(); k != reflect.Interface && k != reflect.Slice && k != reflect.String {
			return nil
		}
		for i := range v.Len() {
			if err := r.weigh(v.Index(i).Interface()); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := r.spend(2); err != nil {
				return err
			}
			if err := r.weigh(it.Key().Interface()); err != nil {
				return err
			}
			if err := r.weigh(it.Value().Interface()); err != nil {
				return err
			}
		}
	}
	return r.spend(1)
}

// plain converts JSON to what the evaluator works on: whole numbers become int, others
// float64, arrays []any, objects map[string]any.
func (r *run) plain(v value.Value) any {
	switch v.Kind() {
	case value.KindBool:
		return v.Truth()
	case value.KindNumber:
		if i, ok := v.Int(); ok {
			return int(i)
		}
		return v.Float()
	case value.KindString:
		return v.Text()
	case value.KindArray:
		out := make([]any, v.Len())
		for i, e := range v.Elements() {
			out[i] = r.plain(e)
		}
		r.remember(out, v)
		return out
	case value.KindObject:
		out := make(map[string]any, v.Len())
		for k, m := range v.Members() {
			out[k] = r.plain(m)
		}
		r.remember(out, v)
		return out
	}
	return nil
}

func (r *run) remember(c any, v value.Value) {
	if v.Len() == 0 {
		return
	}
	if r.sources == nil {
		r.sources = map[source]value.Value{}
	}
	r.sources[sourceOf(reflect.ValueOf(c))] = v
}

func sourceOf(c reflect.Value) source { return source{c.Pointer(), c.Len()} }

// result converts back. Containers that came from the environment are handed on as they
// were; making others is charged, because the parts they share are spelled out.
func (r *run) result(x any) (value.Value, error) {
	r.left = maxResult
	return r.value(x, 0)
}

func (r *run) value(x any, depth int) (value.Value, error) {
	if depth > value.MaxDepth {
		return value.Absent, fmt.Errorf("the result is nested deeper than %d levels", value.MaxDepth)
	}
	if err := r.spend(1); err != nil {
		return value.Absent, exhausted{"the result is too large"}
	}
	switch x := x.(type) {
	case nil:
		return value.Null, nil
	case bool:
		return value.Bool(x), nil
	case int:
		return value.Int(int64(x)), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return value.Null, nil
		}
		return value.Number(x), nil
	case string:
		if r.spend(len(x)/8) != nil {
			return value.Absent, exhausted{"the result is too large"}
		}
		return value.String(x), nil
	case time.Time:
		return value.Time(x), nil
	case time.Duration:
		return value.String(x.String()), nil
	}
	v := reflect.ValueOf(x)
	switch v.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return value.Int(v.Int()), nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return value.Int(int64(v.Uint())), nil
	case reflect.Float32:
		return value.Number(v.Float()), nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return value.String(string(v.Bytes())), nil
		}
		if v.Len() > 0 {
			if from, ok := r.sources[sourceOf(v)]; ok {
				return from, nil
			}
		}
		out := make([]value.Value, v.Len())
		for i := range out {
			e, err := r.value(v.Index(i).Interface(), depth+1)
			if err != nil {
				return value.Absent, err
			}
			out[i] = e
		}
		return value.Array(out...), nil
	case reflect.Map:
		if from, ok := r.sources[sourceOf(v)]; ok {
			return from, nil
		}
		return r.object(v, depth)
	}
	return value.Absent, fmt.Errorf("the result holds a %T, which is not JSON", x)
}

func (r *run) object(v reflect.Value, depth int) (value.Value, error) {
	members := make(map[string]any, v.Len())
	for it := v.MapRange(); it.Next(); {
		members[fmt.Sprint(it.Key().Interface())] = it.Value().Interface()
	}
	var out value.Members
	for _, k := range slices.Sorted(maps.Keys(members)) {
		e, err := r.value(members[k], depth+1)
		if err != nil {
			return value.Absent, err
		}
		out.Set(k, e)
	}
	return out.Value(), nil
}
