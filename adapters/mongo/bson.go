package mongo

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// parsed reads a parameter that may be a JSON text.
func parsed(place string, v value.Value) (value.Value, error) {
	if !v.IsString() {
		return v, nil
	}
	got, err := value.Parse([]byte(v.Text()))
	if err != nil {
		return v, network.Wrong("%s must be JSON: %v", place, err)
	}
	return got, nil
}

// code are operators by which the server would run programs.
var code = []string{"$where", "$function", "$accumulator"}

// refuse finds an operator that may not be used.
func refuse(place string, v value.Value, names []string) error {
	for key, m := range v.Members() {
		at := place + "/" + value.EscapePointer(key)
		if slices.Contains(names, key) {
			return network.Wrong("%s: the operator %s may not be used", at, key)
		}
		if err := refuse(at, m, names); err != nil {
			return err
		}
	}
	for i, e := range v.Elements() {
		if err := refuse(fmt.Sprintf("%s/%d", place, i), e, names); err != nil {
			return err
		}
	}
	return nil
}

// documentOf reads an object as a document, in the order of its members.
func documentOf(place string, v value.Value) (bson.D, error) {
	v, err := parsed(place, v)
	if err != nil {
		return nil, err
	}
	if !v.IsObject() {
		return nil, network.Wrong("%s must be an object, not %s", place, v.Kind())
	}
	if err := refuse(place, v, code); err != nil {
		return nil, err
	}
	d := bson.D{}
	if err := bson.UnmarshalExtJSON(v.AppendJSON(nil), false, &d); err != nil {
		return nil, network.Wrong("%s cannot be read as a document: %v", place, err)
	}
	return d, nil
}

// filterOf reads a filter; nothing matches everything.
func filterOf(place string, v value.Value) (bson.D, error) {
	if v.IsNothing() || v.IsString() && v.Text() == "" {
		return bson.D{}, nil
	}
	d, err := documentOf(place, v)
	if err != nil {
		return nil, err
	}
	return identities(d), nil
}

// identities lets a text stand for the identifier it spells, too, where _id is asked for: results
// give identifiers as texts, and workflows put them into filters.
func identities(d bson.D) bson.D {
	for i, e := range d {
		switch v := e.Value.(type) {
		case bson.A:
			if e.Key == "$and" || e.Key == "$or" || e.Key == "$nor" {
				for j, part := range v {
					if inner, ok := part.(bson.D); ok {
						v[j] = identities(inner)
					}
				}
			}
		case string:
			if e.Key == "_id" {
				d[i].Value = bson.D{{Key: "$in", Value: spellings(bson.A{v})}}
			}
		case bson.D:
			if e.Key != "_id" {
				continue
			}
			for j, o := range v {
				list, ok := o.Value.(bson.A)
				switch {
				case ok && (o.Key == "$in" || o.Key == "$nin"):
					v[j].Value = spellings(list)
				case o.Key == "$eq":
					v[j] = bson.E{Key: "$in", Value: spellings(bson.A{o.Value})}
				case o.Key == "$ne":
					v[j] = bson.E{Key: "$nin", Value: spellings(bson.A{o.Value})}
				}
			}
		}
	}
	return d
}

func spellings(list bson.A) bson.A {
	out := slices.Clone(list)
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			continue
		}
		if id, err := bson.ObjectIDFromHex(text); err == nil {
			out = append(out, id)
		}
	}
	return out
}

// pipelineOf reads the stages of an aggregation, and tells whether they write.
func pipelineOf(v value.Value) (stages bson.A, writes bool, err error) {
	if v.IsObject() {
		v = value.Array(v)
	}
	if !v.IsArray() {
		return nil, false, network.Wrong("/aggregations must be a list of stages, not %s", v.Kind())
	}
	stages = bson.A{}
	for i, stage := range v.Elements() {
		place := fmt.Sprintf("/aggregations/%d", i)
		d, err := documentOf(place, stage)
		if err != nil {
			return nil, false, err
		}
		if len(d) != 1 {
			return nil, false, network.Wrong("%s must have one member, such as $match", place)
		}
		writes = writes || d[0].Key == "$out" || d[0].Key == "$merge"
		if match, ok := d[0].Value.(bson.D); ok && d[0].Key == "$match" {
			d[0].Value = identities(match)
		}
		stages = append(stages, d)
	}
	return stages, writes, nil
}

// jsonOf is what the database gives, as plain JSON: identifiers in hex, times as texts.
func jsonOf(x any) value.Value {
	switch x := x.(type) {
	case nil, bson.Undefined, bson.Null:
		return value.Null
	case bson.D:
		var m value.Members
		for _, e := range x {
			m.Set(e.Key, jsonOf(e.Value))
		}
		return m.Value()
	case bson.A:
		list := make([]value.Value, len(x))
		for i, e := range x {
			list[i] = jsonOf(e)
		}
		return value.Array(list...)
	case bool:
		return value.Bool(x)
	case int32:
		return value.Int(int64(x))
	case int64:
		return value.Int(x)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return value.String(strconv.FormatFloat(x, 'g', -1, 64))
		}
		return value.Number(x)
	case string:
		return value.String(x)
	case bson.ObjectID:
		return value.String(x.Hex())
	case bson.DateTime:
		return value.Time(x.Time())
	case time.Time:
		return value.Time(x)
	case bson.Timestamp:
		return value.Time(time.Unix(int64(x.T), 0))
	case bson.Decimal128:
		if v, err := value.Parse([]byte(x.String())); err == nil && v.IsNumber() {
			return v
		}
		return value.String(x.String())
	case bson.Binary:
		if x.Subtype == bson.TypeBinaryUUID && len(x.Data) == 16 {
			return value.String(fmt.Sprintf("%x-%x-%x-%x-%x", x.Data[:4], x.Data[4:6], x.Data[6:8], x.Data[8:10], x.Data[10:]))
		}
		return value.String(base64.StdEncoding.EncodeToString(x.Data))
	}
	return value.String(fmt.Sprint(x))
}
