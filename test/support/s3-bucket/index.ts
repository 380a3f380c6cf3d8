export { type S3Object, S3Simulator } from './s3-simulator.js';
