/* What every binding needs: arguments from JavaScript, refused where they are of another kind, and functions offered to it. */
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdint.h>

typedef struct {
  uint8_t *data;
  size_t length;
} Bytes;

static inline napi_value fail(napi_env env) {
  napi_throw_type_error(env, "native/arguments", "wrong arguments for a native kernel");
  return NULL;
}

/* `length` counts elements. */
static inline int readArray(napi_env env, napi_value value, napi_typedarray_type wanted, Bytes *bytes) {
  napi_typedarray_type type;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return 0;
  if (napi_get_typedarray_info(env, value, &type, &bytes->length, (void **)&bytes->data, NULL, NULL) != napi_ok) return 0;
  return type == wanted;
}

static inline int readBytes(napi_env env, napi_value value, Bytes *bytes) {
  return readArray(env, value, napi_uint8_array, bytes);
}

static inline void offer(napi_env env, napi_value exports, const char *name, napi_callback call) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}
