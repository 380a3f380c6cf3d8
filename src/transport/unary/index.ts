export { type AnswerUnary, createUnaryHandler, type UnaryRequest } from './unary-handler.js';
