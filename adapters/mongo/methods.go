package mongo

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// envelope is what each method gives as its result.
type envelope struct {
	Status   string      `json:"status" doc:"success"`
	Code     int         `json:"code" doc:"200"`
	Response value.Value `json:"response" doc:"what the database answered"`
}

type output struct {
	Result envelope `json:"result" doc:"what the database answered"`
}

// collection names where to work.
type collection struct {
	Name string `json:"collectionName" doc:"name of the collection"`
}

func (c *client) collection(name string, writes bool) (*driver.Collection, error) {
	switch {
	case name == "" || strings.ContainsAny(name, "$\x00") || strings.HasPrefix(name, "system."):
		return nil, network.Wrong("/collectionName must be the name of a collection, not %q", name)
	case writes && c.ReadOnly:
		return nil, network.Wrong("the adapter instance takes nothing that writes")
	}
	return c.db.Collection(name), nil
}

// on does something with a collection within the instance's time.
func on(ctx context.Context, call *adapters.Call, name string, writes bool, do func(context.Context, *client, *driver.Collection) (value.Value, error)) (output, error) {
	c := adapters.Client[*client](call)
	where, err := c.collection(name, writes)
	if err != nil {
		return output{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	v, err := do(bounded, c, where)
	if err != nil {
		return output{}, because(ctx, err)
	}
	return output{envelope{"success", 200, v}}, nil
}

type queryDocument struct {
	Collection string      `json:"collection"`
	Entity     string      `json:"entity"` // another name of Collection
	Filter     value.Value `json:"filter"`
	Projection value.Value `json:"projection"`
	Sort       value.Value `json:"sort"`
	Limit      int64       `json:"limit"`
	Start      int64       `json:"start"`
	Skip       int64       `json:"skip"` // another name of Start
}

type queryInput struct {
	Query value.Value `json:"queryDoc" doc:"{collection, filter?, projection?, sort?, start?, limit?}, also as JSON text"`
}

func query(ctx context.Context, call *adapters.Call, in queryInput) (output, error) {
	v, err := parsed("/queryDoc", in.Query)
	if err != nil {
		return output{}, err
	}
	var q queryDocument
	if err := v.Decode(&q); err != nil || !v.IsObject() {
		return output{}, network.Wrong("/queryDoc must be an object such as {\"collection\": \"jobs\", \"filter\": {}, \"limit\": 10}")
	}
	if q.Collection == "" {
		q.Collection = q.Entity
	}
	filter, err := filterOf("/queryDoc/filter", q.Filter)
	if err != nil {
		return output{}, err
	}
	o := options.Find().SetSkip(max(q.Start, q.Skip, 0))
	for _, part := range []struct {
		name string
		v    value.Value
		set  func(any) *options.FindOptionsBuilder
	}{{"projection", q.Projection, o.SetProjection}, {"sort", q.Sort, o.SetSort}} {
		if part.v.IsNothing() {
			continue
		}
		d, err := documentOf("/queryDoc/"+part.name, part.v)
		if err != nil {
			return output{}, err
		}
		part.set(d)
	}
	return on(ctx, call, q.Collection, false, func(ctx context.Context, c *client, where *driver.Collection) (value.Value, error) {
		if q.Limit > 0 {
			o.SetLimit(min(q.Limit, int64(c.MaxDocuments)+1))
		}
		cursor, err := where.Find(ctx, filter, o)
		if err != nil {
			return value.Absent, err
		}
		return c.all(ctx, cursor)
	})
}

type aggregateInput struct {
	collection
	Stages value.Value `json:"aggregations" doc:"list of the stages, also as JSON text"`
}

func aggregate(ctx context.Context, call *adapters.Call, in aggregateInput) (output, error) {
	v, err := parsed("/aggregations", in.Stages)
	if err != nil {
		return output{}, err
	}
	stages, writes, err := pipelineOf(v)
	if err != nil {
		return output{}, err
	}
	return on(ctx, call, in.Name, writes, func(ctx context.Context, c *client, where *driver.Collection) (value.Value, error) {
		cursor, err := where.Aggregate(ctx, stages)
		if err != nil {
			return value.Absent, err
		}
		return c.all(ctx, cursor)
	})
}

// all reads a cursor to its end, within the instance's limits.
func (c *client) all(ctx context.Context, cursor *driver.Cursor) (value.Value, error) {
	defer cursor.Close(context.WithoutCancel(ctx))
	list, left := []value.Value{}, c.MaxBytes
	for cursor.Next(ctx) {
		if left -= int64(len(cursor.Current)); len(list) >= c.MaxDocuments || left < 0 {
			return value.Absent, network.TooMuch("there are more than %d documents or %d bytes, the most the adapter instance allows; a limit in the query helps", c.MaxDocuments, c.MaxBytes)
		}
		var d bson.D
		if err := cursor.Decode(&d); err != nil {
			return value.Absent, err
		}
		list = append(list, jsonOf(d))
	}
	return value.Array(list...), cursor.Err()
}

type filterInput struct {
	collection
	Filter value.Value `json:"filter,omitzero" doc:"what documents must match, also as JSON text; all unless given"`
}

func count(ctx context.Context, call *adapters.Call, in filterInput) (output, error) {
	filter, err := filterOf("/filter", in.Filter)
	if err != nil {
		return output{}, err
	}
	return on(ctx, call, in.Name, false, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		n, err := where.CountDocuments(ctx, filter)
		return value.Int(n), err
	})
}

type deleteInput struct {
	collection
	Filter value.Value `json:"filter" doc:"what documents must match, also as JSON text; {} for all"`
}

func deleteSearched(ctx context.Context, call *adapters.Call, in deleteInput) (output, error) {
	if in.Filter.IsNothing() || in.Filter.IsString() && in.Filter.Text() == "" {
		return output{}, network.Wrong("/filter must be given; {} deletes all")
	}
	filter, err := filterOf("/filter", in.Filter)
	if err != nil {
		return output{}, err
	}
	return on(ctx, call, in.Name, true, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		r, err := where.DeleteMany(ctx, filter)
		if err != nil {
			return value.Absent, err
		}
		return value.Object("acknowledged", value.Bool(r.Acknowledged), "deletedCount", value.Int(r.DeletedCount)), nil
	})
}

type distinctInput struct {
	filterInput
	Field string `json:"field" doc:"path of the field, such as site.name"`
}

func distinct(ctx context.Context, call *adapters.Call, in distinctInput) (output, error) {
	filter, err := filterOf("/filter", in.Filter)
	if err != nil {
		return output{}, err
	}
	return on(ctx, call, in.Name, false, func(ctx context.Context, c *client, where *driver.Collection) (value.Value, error) {
		var got []any
		if err := where.Distinct(ctx, in.Field, filter).Decode(&got); err != nil {
			return value.Absent, err
		}
		if len(got) > c.MaxDocuments {
			return value.Absent, network.TooMuch("there are %d values, more than the %d the adapter instance allows", len(got), c.MaxDocuments)
		}
		return jsonOf(bson.A(got)), nil
	})
}

type dropInput struct {
	collection
	Options value.Value `json:"options,omitzero" doc:"nothing: it is there for workflows that give it"`
}

func dropCollection(ctx context.Context, call *adapters.Call, in dropInput) (output, error) {
	return on(ctx, call, in.Name, true, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		return value.True, where.Drop(ctx)
	})
}

type createInput struct {
	collection
	Document value.Value `json:"document" doc:"the document, also as JSON text"`
}

func create(ctx context.Context, call *adapters.Call, in createInput) (output, error) {
	d, err := documentOf("/document", in.Document)
	if err != nil {
		return output{}, err
	}
	return on(ctx, call, in.Name, true, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		r, err := where.InsertOne(ctx, d)
		if err != nil {
			return value.Absent, err
		}
		return value.Object("acknowledged", value.Bool(r.Acknowledged), "insertedId", jsonOf(r.InsertedID)), nil
	})
}

type createManyInput struct {
	collection
	Documents value.Value `json:"documents" doc:"list of the documents, also as JSON text"`
}

// maxBatch bounds the documents of one call.
const maxBatch = 100_000

func createMany(ctx context.Context, call *adapters.Call, in createManyInput) (output, error) {
	list, err := parsed("/documents", in.Documents)
	if err != nil {
		return output{}, err
	}
	if !list.IsArray() || list.Len() == 0 || list.Len() > maxBatch {
		return output{}, network.Wrong("/documents must be a list of 1 to %d documents", maxBatch)
	}
	docs := make([]any, list.Len())
	for i, v := range list.Elements() {
		if docs[i], err = documentOf(fmt.Sprintf("/documents/%d", i), v); err != nil {
			return output{}, err
		}
	}
	return on(ctx, call, in.Name, true, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		r, err := where.InsertMany(ctx, docs)
		if err != nil {
			return value.Absent, err
		}
		return value.Object("acknowledged", value.Bool(r.Acknowledged), "insertedCount", value.Int(int64(len(r.InsertedIDs))), "insertedIds", jsonOf(bson.A(r.InsertedIDs))), nil
	})
}

type updateInput struct {
	collection
	Filter value.Value `json:"filter" doc:"what documents must match, also as JSON text"`
	Update value.Value `json:"update" doc:"operators such as {\"$set\": {...}}, also as JSON text"`
	Upsert bool        `json:"upsert,omitempty" doc:"add a document when none matches"`
}

func updateSearched(ctx context.Context, call *adapters.Call, in updateInput) (output, error) {
	filter, err := filterOf("/filter", in.Filter)
	if err != nil {
		return output{}, err
	}
	update, err := documentOf("/update", in.Update)
	if err != nil {
		return output{}, err
	}
	if len(update) == 0 || !strings.HasPrefix(update[0].Key, "$") {
		return output{}, network.Wrong("/update must hold operators such as $set")
	}
	return on(ctx, call, in.Name, true, func(ctx context.Context, _ *client, where *driver.Collection) (value.Value, error) {
		r, err := where.UpdateMany(ctx, filter, update, options.UpdateMany().SetUpsert(in.Upsert))
		if err != nil {
			return value.Absent, err
		}
		return value.Object("acknowledged", value.Bool(r.Acknowledged), "matchedCount", value.Int(r.MatchedCount), "modifiedCount", value.Int(r.ModifiedCount),
			"upsertedCount", value.Int(r.UpsertedCount), "upsertedId", jsonOf(r.UpsertedID)), nil
	})
}
