/* The tensor engine's kernels as seen from JavaScript: a call is a line of a table of numbers, on a module's memory. */
#include "tensor.h"
#include "fromJavaScript.h"

/* As `kernelNumbers` and `callValues` of packages/tensor/src/crew/callKernel.ts. */
enum { MULTIPLY = 0, DIGEST_ROWS = 7, GEMM_ROWS = 8, GEMM_COLUMNS = 9, GRADIENT_OUTER = 10, CALL_VALUES = 12 };
#define ROWS_MAX 4096

/* A whole number of at most `max`; what is none makes `*ok` 0. */
static size_t whole(double value, double max, int *ok) {
  if (!(value >= 0 && value <= max)) return *ok = 0;
  const size_t number = (size_t)value;
  if ((double)number != value) *ok = 0;
  return number;
}

static int isInside(const Bytes *memory, size_t address, size_t bytes) {
  return address <= memory->length && bytes <= memory->length - address;
}

#define ADDRESS_MAX 4294967296.0

/* kind, weights, q, scales, sums, out, groups, blocks, rows, bytes between rows of out. 0: something lies outside, -1: is no number of the kind. */
static int callMultiply(const Bytes *memory, const double *v) {
  int ok = 1;
  const size_t kind = whole(v[0], TENSOR_Q2K, &ok), w = whole(v[1], ADDRESS_MAX, &ok), q = whole(v[2], ADDRESS_MAX, &ok);
  const size_t scales = whole(v[3], ADDRESS_MAX, &ok), sums = whole(v[4], ADDRESS_MAX, &ok), out = whole(v[5], ADDRESS_MAX, &ok);
  const size_t groups = whole(v[6], 1 << 24, &ok), blocks = whole(v[7], 1 << 16, &ok), rows = whole(v[8], ROWS_MAX, &ok);
  const size_t stride = whole(v[9], 1 << 30, &ok), blockBytes = ok ? tensorBlockBytes((int)kind) : 0;
  if (!ok || blockBytes == 0) return -1;
  if (groups == 0 || rows == 0 || blocks == 0) return 1;
  const size_t inputs = rows * blocks;
  if (!isInside(memory, w, groups * blocks * blockBytes) || !isInside(memory, q, inputs * 64)) return 0;
  if (!isInside(memory, scales, inputs * 4) || !isInside(memory, sums, inputs * 4)) return 0;
  if (!isInside(memory, out, (rows - 1) * stride + groups * 32)) return 0;
  const uint8_t *base = memory->data;
  const TensorInput input = {(const int16_t *)(base + q), (const float *)(base + scales), (const float *)(base + sums), blocks, rows};
  tensorMultiply((int)kind, base + w, groups, &input, memory->data + out, stride);
  return 1;
}

typedef struct {
  size_t from, stride, length, target, targetStride, rows;
} DigestCall;

/* address, bytes between rows, bytes of a row, target, bytes between targets, rows */
static int readDigestCall(const Bytes *memory, const double *v, DigestCall *call) {
  int ok = 1;
  call->from = whole(v[0], ADDRESS_MAX, &ok), call->stride = whole(v[1], 1 << 30, &ok), call->length = whole(v[2], 1 << 30, &ok);
  call->target = whole(v[3], ADDRESS_MAX, &ok), call->targetStride = whole(v[4], 1 << 30, &ok), call->rows = whole(v[5], ROWS_MAX, &ok);
  if (!ok) return -1;
  if (call->rows == 0) return 1;
  return isInside(memory, call->from, (call->rows - 1) * call->stride + call->length) &&
         isInside(memory, call->target, (call->rows - 1) * call->targetStride + 32);
}

static int callDigestRows(const Bytes *memory, const double *v) {
  DigestCall call;
  const int ok = readDigestCall(memory, v, &call);
  if (ok <= 0) return ok;
  tensorDigestRows(memory->data + call.from, call.stride, call.length, memory->data + call.target, call.targetStride, call.rows);
  return 1;
}

/* Several such lines as one: rows of different lengths go side by side. */
static int callDigests(const Bytes *memory, const double *lines, size_t count) {
  TensorMessage list[TENSOR_MESSAGES];
  DigestCall call;
  size_t waiting = 0;
  for (size_t i = 0; i < count; i++) {
    const int ok = lines[i * CALL_VALUES] == DIGEST_ROWS ? readDigestCall(memory, lines + i * CALL_VALUES + 1, &call) : -1;
    if (ok <= 0) return ok;
  }
  for (size_t i = 0; i < count; i++) {
    readDigestCall(memory, lines + i * CALL_VALUES + 1, &call);
    const size_t together = tensorHasWideSha() ? call.rows / 16 * 16 : 0;
    tensorDigestRows(memory->data + call.from, call.stride, call.length, memory->data + call.target, call.targetStride, together);
    for (size_t row = together; row < call.rows; row++) {
      list[waiting++] = (TensorMessage){memory->data + call.from + row * call.stride, call.length, memory->data + call.target + row * call.targetStride};
      if (waiting < TENSOR_MESSAGES) continue;
      tensorDigestMessages(list, waiting);
      waiting = 0;
    }
  }
  tensorDigestMessages(list, waiting);
  return 1;
}

#define TERMS_MAX (1 << 24)

/* Bytes from the first row to the end of the last. */
static size_t spanOf(size_t rows, size_t stride, size_t rowBytes) { return (rows - 1) * stride + rowBytes; }

/* kind (0), weights, x, bytes between its rows, out, bytes between its rows, groups, columns, rows of x, room */
static int callGemmRows(const Bytes *memory, const double *v) {
  int ok = 1;
  whole(v[0], 0, &ok);
  const size_t w = whole(v[1], ADDRESS_MAX, &ok), x = whole(v[2], ADDRESS_MAX, &ok), xStride = whole(v[3], 1 << 30, &ok);
  const size_t out = whole(v[4], ADDRESS_MAX, &ok), outStride = whole(v[5], 1 << 30, &ok), groups = whole(v[6], TERMS_MAX, &ok);
  const size_t columns = whole(v[7], TERMS_MAX, &ok), rows = whole(v[8], TERMS_MAX, &ok);
  if (!ok || rows % 4) return -1;
  if (groups == 0 || columns == 0 || rows == 0) return 1;
  if (!isInside(memory, w, groups * columns * 32) || !isInside(memory, x, spanOf(rows, xStride, columns * 4))) return 0;
  if (!isInside(memory, out, spanOf(rows, outStride, groups * 32))) return 0;
  const FloatRows input = {memory->data + x, xStride, rows};
  tensorFloatRows(memory->data + w, groups, columns, &input, memory->data + out, outStride);
  return 1;
}

/* kind (0), weights, y, bytes between its rows, out, rows of weights, columns, first column, columns wanted, rows of y, room */
static int callGemmColumns(const Bytes *memory, const double *v) {
  int ok = 1;
  whole(v[0], 0, &ok);
  const size_t w = whole(v[1], ADDRESS_MAX, &ok), y = whole(v[2], ADDRESS_MAX, &ok), yStride = whole(v[3], 1 << 30, &ok);
  const size_t out = whole(v[4], ADDRESS_MAX, &ok), height = whole(v[5], TERMS_MAX, &ok), columns = whole(v[6], TERMS_MAX, &ok);
  const size_t first = whole(v[7], TERMS_MAX, &ok), count = whole(v[8], TERMS_MAX, &ok), rows = whole(v[9], TERMS_MAX, &ok);
  if (!ok || rows % 4 || height % 8 || first + count > columns) return -1;
  if (height == 0 || count == 0 || rows == 0) return 1;
  if (!isInside(memory, w, height * columns * 4) || !isInside(memory, y, spanOf(rows, yStride, height * 4))) return 0;
  if (!isInside(memory, out, rows * columns * 4)) return 0;
  const FloatRows input = {memory->data + y, yStride, rows};
  tensorFloatColumns(memory->data + w, height, columns, first, count, &input, memory->data + out);
  return 1;
}

/* left, bytes between its rows, right, bytes between its rows, out, bytes between its rows, rows of out, columns, rows of left and right */
static int callGradientOuter(const Bytes *memory, const double *v) {
  int ok = 1;
  const size_t left = whole(v[0], ADDRESS_MAX, &ok), leftStride = whole(v[1], 1 << 30, &ok), right = whole(v[2], ADDRESS_MAX, &ok);
  const size_t rightStride = whole(v[3], 1 << 30, &ok), out = whole(v[4], ADDRESS_MAX, &ok), outStride = whole(v[5], 1 << 30, &ok);
  const size_t height = whole(v[6], TERMS_MAX, &ok), columns = whole(v[7], TERMS_MAX, &ok), rows = whole(v[8], TERMS_MAX, &ok);
  if (!ok || height % 4) return -1;
  if (height == 0 || columns == 0 || rows == 0) return 1;
  if (!isInside(memory, left, spanOf(rows, leftStride, height * 4)) || !isInside(memory, right, spanOf(rows, rightStride, columns * 4))) return 0;
  if (!isInside(memory, out, spanOf(height, outStride, columns * 4))) return 0;
  const FloatRows lefts = {memory->data + left, leftStride, rows}, rights = {memory->data + right, rightStride, rows};
  tensorFloatOuter(&lefts, &rights, memory->data + out, outStride, height, columns);
  return 1;
}

static int isOffered(uint32_t kernel) {
  if (kernel == DIGEST_ROWS) return tensorHasSha();
  return (kernel == MULTIPLY || (kernel >= GEMM_ROWS && kernel <= GRADIENT_OUTER)) && tensorIsThere();
}

static int makeCall(uint32_t kernel, const Bytes *memory, const double *values) {
  switch (kernel) {
    case MULTIPLY: return callMultiply(memory, values);
    case DIGEST_ROWS: return callDigestRows(memory, values);
    case GEMM_ROWS: return callGemmRows(memory, values);
    case GEMM_COLUMNS: return callGemmColumns(memory, values);
    default: return callGradientOuter(memory, values);
  }
}

/* hasCall(kernel: number): boolean */
static napi_value hasCallCall(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, result;
  uint32_t kernel;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count != 1) return fail(env);
  if (napi_get_value_uint32(env, argument, &kernel) != napi_ok) return fail(env);
  napi_get_boolean(env, isOffered(kernel), &result);
  return result;
}

/* runCall(memory: Uint8Array, table: Float64Array, index: number): boolean, false where an address lies outside of the memory */
static napi_value runCallCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], result;
  Bytes memory, table;
  uint32_t index;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &memory) || !readArray(env, arguments[1], napi_float64_array, &table)) return fail(env);
  if (napi_get_value_uint32(env, arguments[2], &index) != napi_ok || index >= table.length / CALL_VALUES) return fail(env);
  const double *call = (const double *)table.data + (size_t)index * CALL_VALUES;
  int ok = 1, done = -1;
  const uint32_t kernel = (uint32_t)whole(call[0], 255, &ok);
  if (!ok || !isOffered(kernel)) return fail(env);
  done = makeCall(kernel, &memory, call + 1);
  if (done < 0) return fail(env);
  napi_get_boolean(env, done, &result);
  return result;
}

/* digestCalls(memory: Uint8Array, table: Float64Array, count: number): boolean, the first lines of the table, which are of DIGEST_ROWS; else as runCall */
static napi_value digestCallsCall(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3], result;
  Bytes memory, table;
  uint32_t lines;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env);
  if (!readBytes(env, arguments[0], &memory) || !readArray(env, arguments[1], napi_float64_array, &table)) return fail(env);
  if (napi_get_value_uint32(env, arguments[2], &lines) != napi_ok || lines > table.length / CALL_VALUES) return fail(env);
  const int done = isOffered(DIGEST_ROWS) ? callDigests(&memory, (const double *)table.data, lines) : -1;
  if (done < 0) return fail(env);
  napi_get_boolean(env, done, &result);
  return result;
}

void offerTensor(napi_env env, napi_value exports) {
  offer(env, exports, "hasCall", hasCallCall);
  offer(env, exports, "runCall", runCallCall);
  offer(env, exports, "digestCalls", digestCallsCall);
}
